"""Tokens: fetched once, kept per credential and Application, renewed in time, never mixed with a caller's own."""

import asyncio
import json
from typing import Any

import pytest

from contracts import subjects
from tests.gateway.conftest import SCOPE, Gateway, service, until
from tests.gateway.solution import BASIC, CLIENT, Premises, open_premises
from tests.gateway.targets import Say, Seen, Targets

OAUTH = {"clientId": "clientID", "clientSecret": "clientSecret"}


@pytest.fixture
async def premises(targets: Targets) -> Premises:
    """Return a running solution."""
    return await open_premises(targets)


def api_of(premises: Premises, kind: str = "OAuth", secret: str = "c", csrf: bool = False) -> dict[str, Any]:
    """Return an API entry protected by tokens."""
    url = f"{premises.plain.url}/v1/api"
    path = {"OAuth": "oauth", "Basic": "basic"}[kind]
    credentials: dict[str, Any] = {"type": kind, "secretName": secret, "authenticationUrl": f"{url}/oauth/token"}
    if csrf:
        path = f"csrf-{path}"
        credentials["csrfInfo"] = {"tokenEndpointURL": f"{url}/{path}/token"}
    return {"type": "API", "targetUrl": f"{url}/{path}/ok", "credentials": credentials}


async def register(gateway: Gateway, entry: dict[str, Any], application: str = "app") -> None:
    """Register an API with the solution's OAuth client or user."""
    kind = entry["credentials"]["type"]
    values = OAUTH if kind == "OAuth" else {"username": "user", "password": "passwd"}
    await gateway.secret(entry["credentials"]["secretName"], values)
    await gateway.application(application, [service("Service", entry)])


async def test_the_token_request_is_upstreams(gateway: Gateway, premises: Premises) -> None:
    """Form, Basic header, and the registered headers and query parameters."""
    entry = api_of(premises)
    parameters = {
        "headers": json.dumps({"headerKey": ["v"]}),
        "queryParameters": json.dumps({"queryParameterKey": ["w"]}),
    }
    await gateway.secret("c", OAUTH | parameters)
    await gateway.application("app", [service("Service", entry)])

    assert 200 == (await gateway.call()).status

    (seen,) = premises.solution.fetched
    form = sorted(seen.body.decode().split("&"))
    assert ["client_id=clientID", "client_secret=clientSecret", "grant_type=client_credentials"] == form
    assert (CLIENT, "v", [("queryParameterKey", "w")]) == (
        seen.header("authorization"),
        seen.header("headerkey"),
        seen.query,
    )
    assert ("POST", "application/x-www-form-urlencoded") == (seen.method, seen.header("content-type"))


async def test_concurrent_callers_share_one_fetch(gateway: Gateway, premises: Premises) -> None:
    """However many call at once, one token is fetched, and later calls use it."""
    await register(gateway, api_of(premises, csrf=True))

    replies = await asyncio.gather(*(gateway.call() for _ in range(20)))
    replies.append(await gateway.call())

    assert [200] * 21 == [reply.status for reply in replies]
    assert (1, 1) == (len(premises.solution.fetched), len(premises.solution.crossed))


async def test_applications_never_share_a_token(gateway: Gateway, premises: Premises) -> None:
    """The same client at the same issuer still gets a token for each Application."""
    await register(gateway, api_of(premises), "one")
    await register(gateway, api_of(premises), "two")

    statuses = [(await gateway.call(f"/{name}/service")).status for name in ("one", "two", "one")]

    assert ([200, 200, 200], 2) == (statuses, len(premises.solution.fetched))


async def test_names_that_read_the_same_together_do_not_share(gateway: Gateway, targets: Targets) -> None:
    """`a` with `bc` is not `ab` with `c`."""
    for application, name in (("a", "bc"), ("ab", "c")):
        target = await targets.serve(lambda seen, said=f"{application}/{name}": Say(200, said.encode()))
        await gateway.application(application, [service(name, {"type": "API", "targetUrl": target.url})])

    bodies = [(await gateway.call(path)).body for path in ("/a/bc", "/ab/c", "/a/bc")]

    assert [b"a/bc", b"ab/c", b"a/bc"] == bodies


async def test_a_token_that_is_refused_is_fetched_anew(gateway: Gateway, premises: Premises) -> None:
    """The issuer has revoked it: one more fetch, one more call, same body."""
    await register(gateway, api_of(premises, csrf=True))
    await gateway.call()
    premises.solution.revoke()

    reply = await gateway.call("/app/service", "POST", body=b"kept")

    assert (200, 2, 2) == (reply.status, len(premises.solution.fetched), len(premises.solution.crossed))
    assert [b"", b"kept", b"kept"] == [seen.body for seen in premises.solution.calls]


@pytest.mark.parametrize(("lifetime", "fetched"), [(3600, 1), (None, 1), (2, 2), (0, 1), ("3600", 1), (-5, 1)])
async def test_a_token_is_kept_as_long_as_its_issuer_says(
    gateway: Gateway, premises: Premises, lifetime: object, fetched: int
) -> None:
    """Two seconds less than said; where nothing useful is said, as long as the setting says."""
    premises.solution.token_lifetime = lifetime
    await register(gateway, api_of(premises))

    statuses = [(await gateway.call()).status for _ in range(2)]

    assert ([200, 200], fetched) == (statuses, len(premises.solution.fetched))


@pytest.mark.parametrize(
    "answer",
    [
        Say(500, b"broken"), Say(200, b""), Say(200, b"<html>Log in</html>"), Say(200, b"[]"),
        Say(200, b'{"token": "x"}'), Say(200, b'{"access_token": ""}'), Say(302, b"", [("Location", "/login")]),
        Say(200, b'{"access_token": "a\\r\\nX-Evil: 1"}'),
        Say(200, b'{"access_token": "x", "pad": "' + b"a" * 300_000 + b'"}'),
    ],
    ids=lambda say: f"{say.status} {say.body[:20]!r}",
)  # fmt: skip
async def test_a_token_endpoint_that_gives_none_is_502(gateway: Gateway, targets: Targets, answer: Say) -> None:
    """The target is not called, the answer says why, the secret stands nowhere."""
    issuer, target = await targets.serve(lambda seen: answer), await targets.serve()
    await gateway.secret("c", OAUTH)
    credentials = {"type": "OAuth", "secretName": "c", "authenticationUrl": f"{issuer.url}/token"}
    await gateway.api(target.url, credentials=credentials)

    reply = await gateway.call()

    assert (502, 502, []) == (reply.status, reply.json["code"], target.seen)
    assert "token" in reply.json["error"] and "clientSecret" not in reply.json["error"]


async def test_a_token_endpoint_that_says_nothing_is_502(gateway: Gateway, targets: Targets) -> None:
    """It ends within the time of the call."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    issuer = await targets.raw(silent)
    await gateway.secret("c", OAUTH)
    credentials = {"type": "OAuth", "secretName": "c", "authenticationUrl": issuer.url}
    await gateway.api("http://127.0.0.1:1", credentials=credentials, annotations={"gateway.hub/timeout": "200ms"})

    reply = await gateway.call()

    assert (502, True) == (reply.status, "did not answer in time" in reply.json["error"])


async def test_csrf_cookies_join_the_callers(gateway: Gateway, premises: Premises) -> None:
    """Same names are replaced, the caller's others stay; the endpoint is asked with the registered credentials."""
    await register(gateway, api_of(premises, "Basic", csrf=True))

    reply = await gateway.call(headers={"Cookie": "csrftokencookie=old; custom=Y"})

    (asked,), (call,) = premises.solution.crossed, premises.solution.calls
    token = call.header("x-csrf-token")
    assert (200, [f"custom=Y; csrftokencookie={token}"]) == (reply.status, call.all("cookie"))
    assert ("fetch", BASIC, "*/*") == (
        asked.header("x-csrf-token"),
        asked.header("authorization"),
        asked.header("accept"),
    )


async def test_a_csrf_endpoint_without_the_header_is_no_error(gateway: Gateway, targets: Targets) -> None:
    """The call carries an empty token, as upstream."""
    endpoint, target = await targets.serve(lambda seen: Say(200)), await targets.serve()
    await gateway.secret("c", {"username": "user", "password": ""})
    credentials = {"type": "Basic", "secretName": "c", "csrfInfo": {"tokenEndpointURL": endpoint.url}}
    await gateway.api(target.url, credentials=credentials)

    assert 200 == (await gateway.call()).status

    assert ("", "Basic dXNlcjo=") == (target.seen[0].header("x-csrf-token"), target.seen[0].header("authorization"))


@pytest.mark.parametrize("kind", ["Basic", "OAuth"])
async def test_a_callers_own_token_replaces_the_registered_one(gateway: Gateway, premises: Premises, kind: str) -> None:
    """`Access-Token` becomes `Authorization`; when it is refused the registered credentials are not tried."""
    await register(gateway, api_of(premises, kind))

    reply = await gateway.call(headers={"Access-Token": "Bearer external", "Authorization": "mine"})

    (call,) = premises.solution.calls
    assert ({"Basic": 403, "OAuth": 401}[kind], ["Bearer external"]) == (reply.status, call.all("authorization"))
    assert (None, []) == (call.header("access-token"), premises.solution.fetched)


async def test_a_callers_own_token_shows_no_client_certificate(gateway: Gateway, premises: Premises) -> None:
    """Who brings a token is not let in by the hub's key."""
    pair = premises.authority.issue("client")
    await gateway.secret("c", {"crt": pair.certificate, "key": pair.key})
    credentials = {"type": "CertificateGen", "secretName": "c"}
    await gateway.api(f"{premises.mutual.url}/v1/api/unsecure/ok", credentials=credentials, spec={"skipVerify": True})
    first = await gateway.call()

    second = await gateway.call(headers={"Access-Token": "Bearer external"})

    assert (200, 502, 1) == (first.status, second.status, len(premises.solution.calls))


async def test_a_callers_authorization_passes_where_nothing_is_registered(gateway: Gateway, targets: Targets) -> None:
    """And is replaced where something is."""
    target = await targets.serve()
    await gateway.api(target.url)
    await gateway.call(headers={"Authorization": "mine"})
    await gateway.secret("c", {"username": "user", "password": "passwd"})
    await gateway.api(target.url, credentials={"type": "Basic", "secretName": "c"})
    await gateway.call(headers={"Authorization": "mine"})

    assert [["mine"], [BASIC]] == [seen.all("authorization") for seen in target.seen]


@pytest.mark.parametrize("place", ["header", "query"])
async def test_an_api_key_goes_where_it_belongs(gateway: Gateway, targets: Targets, place: str) -> None:
    """In a header or a query parameter of any name."""
    target = await targets.serve()
    await gateway.secret("c", {"in": place, "name": "X-Key", "value": "k&y"})
    await gateway.api(target.url, credentials={"type": "ApiKey", "secretName": "c"})

    await gateway.call("/app/service/x?a=1")

    seen: Seen = target.seen[0]
    expected = (["k&y"], [("a", "1")]) if place == "header" else ([], [("a", "1"), ("X-Key", "k&y")])
    assert expected == (seen.all("x-key"), seen.query)


async def test_a_changed_credential_counts_on_the_next_call(gateway: Gateway, premises: Premises) -> None:
    """While a call under way ends with the old one."""
    await register(gateway, api_of(premises, "Basic"))
    assert 200 == (await gateway.call()).status

    await gateway.secret("c", {"username": "user", "password": "other"})
    wrong = await gateway.call()
    await gateway.removed(subjects.SECRETS, SCOPE, "c")
    missing = await gateway.call()
    await gateway.secret("c", {"username": "user", "password": "passwd"})
    right = await gateway.call()
    await gateway.removed(subjects.APPLICATIONS, "cluster", "app")
    gone = await gateway.call()

    assert [403, 500, 200, 404] == [reply.status for reply in (wrong, missing, right, gone)]


async def test_a_call_under_way_survives_a_rotation(gateway: Gateway, targets: Targets) -> None:
    """The Secret changes while the target works: the call ends as it began, the next one has the new value."""
    go = asyncio.Event()

    async def slowly(seen: Seen) -> Say:
        await go.wait()
        return Say(200, (seen.header("x-key") or "").encode())

    target = await targets.serve(slowly)
    await gateway.secret("c", {"name": "X-Key", "value": "old"})
    await gateway.api(target.url, credentials={"type": "ApiKey", "secretName": "c"})
    under_way = asyncio.create_task(gateway.call())
    await until(lambda: bool(target.seen))

    await gateway.secret("c", {"name": "X-Key", "value": "new"})
    go.set()

    assert [b"old", b"new"] == [(await under_way).body, (await gateway.call()).body]
