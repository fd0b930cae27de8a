"""Pairing over the real edge listener: token, signing request, certificate - and everything that goes wrong."""

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from contracts import subjects
from contracts.certificate.v1 import CertificateIssued
from contracts.envelope import unwrap
from hub.connector.model import Client, Pairing
from hub.connector.store import PAIRINGS
from hub.connector.tokens import digest, new_token
from hub.kernel.state import Bucket

from .conftest import Edge, Make

MEDIA_TYPE = "application/json;charset=UTF-8"
BAD_CSR = base64.b64encode(b"no request").decode()


async def second_url(edge: Edge, name: str = "shop") -> str:
    """Return a csrUrl, token included."""
    async with edge.client() as client:
        return str((await client.get(await edge.offer(name))).json()["csrUrl"])


def refusal(response: httpx.Response) -> tuple[int, dict[str, object], str]:
    """Return what tells one refusal from another: status, body, media type."""
    return response.status_code, response.json(), response.headers["content-type"]


async def test_a_solution_pairs_with_its_token(edge: Edge, make_csr: Make) -> None:
    """Signing information by the first token, a certificate by the second, both in upstream's shape."""
    async with edge.client() as client:
        info = await client.get(await edge.offer("shop"))
        signed = await client.post(info.json()["csrUrl"], json={"csr": make_csr()})
    assert (info.status_code, info.headers["content-type"]) == (200, MEDIA_TYPE)
    assert f"{edge.url}/shop/v1/events" == info.json()["api"]["eventsUrl"]
    assert (signed.status_code, signed.headers["content-type"]) == (201, MEDIA_TYPE)
    assert {"crt", "clientCrt", "caCrt"} == signed.json().keys()
    assert edge.ca.read_bytes() == base64.b64decode(signed.json()["caCrt"])


async def test_issuing_is_told_to_other_rooms_and_logged_without_secrets(edge: Edge, make_csr: Make) -> None:
    """The contract event and the log line name the certificate; no token and no key is in either."""
    url = await second_url(edge)
    with capture_logs() as logs:
        async with edge.client() as client:
            await client.post(url, json={"csr": make_csr()})
    stored = await edge.bus.js.get_last_msg(subjects.HUB, CertificateIssued.contract_type)
    told = unwrap(CertificateIssued, stored.headers or {}, stored.data or b"")
    (line,) = [line for line in logs if line["event"] == "certificate.issued"]
    assert ("shop", told.serial, told.fingerprint) == (told.application, line["serial"], line["fingerprint"])
    assert {"event", "log_level", "subject", "serial", "fingerprint", "not_after"} == line.keys()


async def test_a_token_pairs_once(edge: Edge, make_csr: Make) -> None:
    """The first token is burnt by the information, the second by the certificate."""
    first = await edge.offer("shop")
    async with edge.client() as client:
        url = (await client.get(first)).json()["csrUrl"]
        again = await client.get(first)
        await client.post(url, json={"csr": make_csr()})
        signed_again = await client.post(url, json={"csr": make_csr()})
    assert (403, {"code": 403, "error": "Invalid token."}, MEDIA_TYPE) == refusal(again) == refusal(signed_again)


async def test_unknown_expired_used_and_truncated_tokens_get_the_same_answer(edge: Edge) -> None:
    """Nobody learns from the answer whether a token was ever good."""
    used, truncated, expired = await edge.offer("shop"), (await edge.offer("shop"))[:-3], new_token()
    long_ago = Pairing(Client("shop"), datetime(2020, 1, 1, tzinfo=UTC))
    await Bucket(edge.bus.js, subjects.TOKENS, PAIRINGS).create(digest(expired), long_ago)
    info = used.split("?")[0]
    async with edge.client() as client:
        await client.get(used)
        urls = (used, truncated, f"{info}?token={expired}", f"{info}?token={new_token()}")
        answers = [await client.get(url) for url in urls]
        none, empty = await client.get(info), await client.get(f"{info}?token=")
    assert [refusal(one) for one in answers] == [(403, {"code": 403, "error": "Invalid token."}, MEDIA_TYPE)] * 4
    assert (403, {"code": 403, "error": "Token not provided."}, MEDIA_TYPE) == refusal(none) == refusal(empty)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b'{"csr": 1}', b'{"csr": "%%"}', b"{}", b'{"csr": "YWJj"}', b"\xff"]
)
async def test_a_wrong_signing_request_is_400_and_keeps_the_token(body: bytes, edge: Edge, make_csr: Make) -> None:
    """Nothing is half done: the next request with the same token succeeds."""
    url = await second_url(edge)
    async with edge.client() as client:
        wrong = await client.post(url, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
        right = await client.post(url, json={"CSR": make_csr(), "unknown": 1})
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, MEDIA_TYPE)
    assert wrong.json()["code"] == 400
    assert right.status_code == 201


async def test_an_oversized_signing_request_is_413(edge: Edge) -> None:
    """A megabyte is refused before it is read; the token stays."""
    url = await second_url(edge)
    async with edge.client() as client:
        assert (await client.post(url, content=b"x" * 1_000_000)).status_code == 413
        assert (await client.post(url, json={"csr": BAD_CSR})).status_code == 400


async def test_of_concurrent_uses_of_a_token_exactly_one_succeeds(edge: Edge, make_csr: Make) -> None:
    """Twenty requests at once, for the information and for the certificate: one winner each."""
    first, csr = await edge.offer("shop"), make_csr("ec:P-256")
    async with edge.client() as client:
        infos = await asyncio.gather(*(client.get(first) for _ in range(20)))
        (url,) = [info.json()["csrUrl"] for info in infos if info.status_code == 200]
        signed = await asyncio.gather(*(client.post(url, json={"csr": csr}) for _ in range(20)))
    assert sorted(info.status_code for info in infos) == [200] + [403] * 19
    assert sorted(answer.status_code for answer in signed) == [201] + [403] * 19


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("signingRequests/info", "GET"), ("management/info", "GET"), ("certificates", "POST"),
        ("certificates/renewals", "POST"), ("certificates/revocations", "POST"),
    ],
)  # fmt: skip
async def test_every_other_method_is_405_and_names_the_right_one(path: str, allowed: str, edge: Edge) -> None:
    """HEAD is among them: a link preview must not use a token up."""
    async with edge.client() as client:
        for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - {allowed}:
            answer = await client.request(method, f"{edge.url}/v1/applications/{path}")
            assert (405, allowed) == (answer.status_code, answer.headers["allow"])
        wrong = await client.put(f"{edge.url}/v1/applications/{path}")
    assert refusal(wrong) == (405, {"code": 405, "error": "Method not allowed."}, MEDIA_TYPE)


@pytest.mark.parametrize("path", ["applications/certificates/", "applications/x", "runtimes/x"])
async def test_an_unknown_path_is_404_in_the_dialect(path: str, edge: Edge) -> None:
    """A trailing slash makes another path; there are no redirects."""
    async with edge.client() as client:
        answers = [await client.get(f"{edge.url}/v1/{path}"), await client.post(f"{edge.url}/v1/{path}", json={})]
    unknown = (404, {"code": 404, "error": "Requested resource could not be found."}, MEDIA_TYPE)
    assert [refusal(answer) for answer in answers] == [unknown] * 2


async def test_a_token_needs_an_application(edge: Edge) -> None:
    """No pairing URL for a name nobody registered, nor for one that no certificate can carry."""
    assert _kind(await edge.ask("tokens", "create", {"application": "nobody"})) == ("404", "not-found")
    assert _kind(await edge.ask("tokens", "create", {})) == ("400", "missing-field")
    long = "a" * 65
    await edge.register(long)
    assert _kind(await edge.ask("tokens", "create", {"application": long})) == ("400", "invalid-field")


async def test_an_application_with_client_ids_is_not_paired_here(edge: Edge) -> None:
    """Its certificates are another authority's; one for its name would be refused everywhere."""
    await edge.register("compass", {"compassMetadata": {"authentication": {"clientIds": ["one"]}}})
    status, answer = await edge.ask("tokens", "create", {"application": "compass"})
    assert (status, "clientIds" in str(answer["detail"])) == ("400", True)


async def test_a_token_of_an_application_that_was_removed_pairs_nobody(edge: Edge) -> None:
    """Removing an Application ends its open invitations."""
    url = await edge.offer("shop")
    await edge.remove("shop")
    async with asyncio.timeout(5), edge.client() as client:
        while (await edge.ask("tokens", "create", {"application": "shop"}))[0] != "404":
            await asyncio.sleep(0.01)
        answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, 404)


async def test_tenant_and_group_stand_in_the_certificate(edge: Edge, make_csr: Make) -> None:
    """The subject a client is told, and gets, names both."""
    await edge.register("central", {"tenant": "tenant", "group": "group"})
    async with edge.client() as client:
        info = (await client.get(await edge.offer("central"))).json()
        csr = make_csr("ec:P-256", "/O=tenant/OU=group/L=Waldorf/ST=Waldorf/C=DE/CN=central")
        answer = await client.post(info["csrUrl"], json={"csr": csr})
    assert info["certificate"]["subject"] == "O=tenant,OU=group,L=Waldorf,ST=Waldorf,C=DE,CN=central"
    assert answer.status_code == 201


async def test_the_store_holds_neither_token_nor_private_key(edge: Edge, key_file: Callable[[str], Path]) -> None:
    """Whoever reads the buckets can neither pair nor sign."""
    token = (await edge.offer("shop")).split("token=")[1]
    kept = b""
    for name in (subjects.TOKENS, subjects.AUTHORITIES):
        bucket = await edge.bus.js.key_value(name)
        for key in await bucket.keys():
            kept += key.encode() + ((await bucket.get(key)).value or b"")
    assert token.encode() not in kept
    assert b"PRIVATE KEY" not in kept and b"CERTIFICATE" in kept


def _kind(answered: tuple[str, dict[str, object]]) -> tuple[str, str]:
    status, answer = answered
    return status, str(answer["type"]).removeprefix("urn:hub:")
