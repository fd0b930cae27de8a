"""Every way to authenticate, right and wrong, against a solution that checks: upstream's end-to-end cases as data."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.certificates import Authority
from tests.gateway.conftest import Gateway
from tests.gateway.solution import PARAMETERS, Premises, open_premises
from tests.gateway.targets import Targets

CASES = json.loads((Path(__file__).parent / "vectors" / "t13_methods.json").read_text())
CREDENTIALS = {
    "Basic": {"username": "user", "password": "passwd"},
    "OAuth": {"clientId": "clientID", "clientSecret": "clientSecret"},
}
REQUEST_PARAMETERS = {
    "right": PARAMETERS,
    "wrong": {"headers": '{"Hkey1":["other"]}'},
    "broken": {"headers": "[1"},
    "split": {"headers": json.dumps({"X": ["a\r\nX-Evil: 1"]})},
}


@pytest.fixture
async def premises(targets: Targets) -> Premises:
    """Return a running solution."""
    return await open_premises(targets)


def key_pair(premises: Premises, which: str) -> dict[str, str]:
    """Return a client certificate that is good, expired, foreign or none at all."""
    authority = Authority("foreign") if which == "foreign" else premises.authority
    pair = authority.issue("client", days=-1 if which == "expired" else 5)
    return {"crt": pair.certificate, "key": "no key" if which == "broken" else pair.key}


def secret_of(case: dict[str, Any], premises: Premises) -> dict[str, str] | None:
    """Return the values of the Secret of a case."""
    if "secret" in case:
        values: dict[str, str] | None = case["secret"]
        return values
    kind = case["type"]
    if kind in CREDENTIALS:
        return CREDENTIALS[kind]
    pair = key_pair(premises, case.get("client", "good"))
    return pair if kind == "CertificateGen" else pair | {"clientId": case.get("clientId", "clientID")}


async def register(gateway: Gateway, premises: Premises, case: dict[str, Any]) -> None:
    """Register the API of a case."""
    entry: dict[str, Any] = {}
    site = getattr(premises, case.get("at", "plain")).url
    if "type" in case:
        token_at = case.get("tokenAt", "mutual" if case["type"] == "OAuthWithCert" else "plain")
        token_url = f"{getattr(premises, token_at).url}/v1/api/{case.get('token', 'oauth/token')}"
        entry["credentials"] = {"type": case["type"], "secretName": "c", "authenticationUrl": token_url}
        if "csrf" in case:
            entry["credentials"]["csrfInfo"] = {"tokenEndpointURL": f"{site}/v1/api/{case['csrf']}"}
        if (values := secret_of(case, premises)) is not None:
            await gateway.secret("c", values)
    if "parameters" in case:
        entry["requestParametersSecretName"] = "p"
        if case["parameters"] != "missing":
            await gateway.secret("p", REQUEST_PARAMETERS[case["parameters"]])
    annotations = {"gateway.hub/timeout": case.get("timeout", "10s"), "gateway.hub/ca-secret": "ca"}
    await gateway.secret("ca", {"ca.crt": premises.authority.pem})
    target = case.get("target") or site + case.get("base", f"/v1/api/{case.get('api')}")
    spec = {"skipVerify": not case.get("verify", False)}
    await gateway.api(target, annotations=annotations, spec=spec, **entry)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_the_caller_gets_what_upstream_gives(gateway: Gateway, premises: Premises, case: dict[str, Any]) -> None:
    """Each method opens what it protects, each mistake has its status, and no answer holds a secret."""
    await register(gateway, premises, case)

    reply = await gateway.call(f"/app/service{case.get('path', '')}")

    assert case["status"] == reply.status, reply.body
    assert case.get("systemStatus") == reply.header("target-system-status")
    if "body" in case:
        assert case["body"] == reply.body.decode()
    if "location" in case:
        assert case["location"] == reply.header("location")
    if reply.header("hub-gateway-error"):
        assert case["status"] == reply.json["code"]
        assert "X-Evil" not in str(reply) and "clientSecret" not in reply.json["error"]


async def test_a_secret_that_is_missing_is_named(gateway: Gateway, premises: Premises) -> None:
    """The operator reads which Secret to make; the target is not called without its credentials."""
    await register(gateway, premises, {"api": "basic/ok", "type": "Basic", "secret": None})

    reply = await gateway.call()

    text = "failed to read API for service service, the Secret c does not exist in the scope kyma-system"
    assert ({"code": 500, "error": text}, []) == (reply.json, premises.solution.calls)


async def test_certificates_are_checked_unless_switched_off(
    gateway: Gateway, premises: Premises, capfd: pytest.CaptureFixture[str]
) -> None:
    """An authority nobody trusts is refused; switching the check off works and is logged."""
    case = {"api": "unsecure/ok", "at": "mutual", "type": "CertificateGen"}
    await register(gateway, premises, case | {"verify": True})
    trusted = await gateway.call()
    await gateway.secret("ca", {"ca.crt": Authority("other").pem})
    untrusted = await gateway.call()
    await register(gateway, premises, case)
    unchecked = await gateway.call()

    assert (200, 502, 200) == (trusted.status, untrusted.status, unchecked.status)
    assert "not trusted" in untrusted.json["error"]
    assert "verification.skipped" in capfd.readouterr().out


async def test_a_certificate_for_another_host_is_refused(
    gateway: Gateway, premises: Premises, targets: Targets
) -> None:
    """The name in the certificate must be the target's."""
    from tests.gateway.certificates import server_context

    target = await targets.serve(tls=server_context(premises.authority.issue("server", host="elsewhere.example")))
    await gateway.secret("ca", {"ca.crt": premises.authority.pem})
    await gateway.api(target.url, annotations={"gateway.hub/ca-secret": "ca"})

    reply = await gateway.call()

    assert (502, []) == (reply.status, target.seen)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_method_and_body_arrive_as_they_were_sent(gateway: Gateway, premises: Premises, method: str) -> None:
    """Upstream's echo case."""
    await register(gateway, premises, {"api": "unsecure/echo"})

    reply = await gateway.call("/app/service", method, body=b"a body")

    assert (method, "a body") == (reply.json["method"], reply.json["body"])
