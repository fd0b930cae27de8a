"""Runtimes pair as Applications do, below a root of their own and known by tenant and group."""

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from contracts import subjects
from contracts.certificate.v1 import CertificateIssued
from contracts.envelope import unwrap

from .conftest import Edge, Make

SUBJECT = "/O=acme/OU=web/L=Waldorf/ST=Waldorf/C=DE/CN=*Runtime*"
RUNTIME = {"runtime": True, "tenant": "acme", "group": "web"}
Keys = Callable[[str], Path]


async def url_for(edge: Edge, **wanted: object) -> str:
    """Return a pairing URL."""
    status, answer = await edge.ask("tokens", "create", wanted)
    assert status == "200", answer
    return str(answer["url"])


async def paired(edge: Edge, csr: str, key: Path) -> httpx.AsyncClient:
    """Pair a runtime; returns a client with its certificate."""
    async with edge.client() as plain:
        info = (await plain.get(await url_for(edge, **RUNTIME))).json()
        answer = await plain.post(info["csrUrl"], json={"csr": csr})
    assert answer.status_code == 201, answer.text
    return edge.client(edge.keep("runtime", answer), key)


async def test_a_runtime_lives_its_whole_life(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """Token, certificate, who am I, renewal, revocation - and refused afterwards."""
    root = f"{edge.url}/v1/runtimes"
    async with await paired(edge, make_csr("rsa:2048", SUBJECT), key_file("rsa:2048")) as client:
        known = (await client.get(f"{root}/management/info")).json()
        renewed = await client.post(f"{root}/certificates/renewals", json={"csr": make_csr("rsa:2048", SUBJECT)})
        revoked = await client.post(f"{root}/certificates/revocations")
        after = await client.get(f"{root}/management/info")
    assert {"tenant": "acme", "group": "web"} == known["clientIdentity"]
    assert {"renewCertUrl", "revokeCertUrl", "revocationCertUrl"} == known["urls"].keys()
    assert (renewed.status_code, revoked.status_code, after.status_code) == (201, 201, 403)
    certificate = x509.load_pem_x509_certificate(base64.b64decode(renewed.json()["clientCrt"]))
    assert certificate.subject.rfc4514_string() == "CN=*Runtime*,C=DE,ST=Waldorf,L=Waldorf,OU=web,O=acme"


async def test_other_rooms_hear_whose_certificate_it_is(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """A runtime has no Application; tenant and group tell one from the other."""
    async with await paired(edge, make_csr("rsa:2048", SUBJECT), key_file("rsa:2048")):
        stored = await edge.bus.js.get_last_msg(subjects.HUB, CertificateIssued.contract_type)
    told = unwrap(CertificateIssued, stored.headers or {}, stored.data or b"")
    assert ("*Runtime*", "acme", "web") == (told.application, told.tenant, told.group)


async def test_a_token_pairs_only_what_it_was_made_for(edge: Edge) -> None:
    """An Application's token is unknown below the root of runtimes, and the other way round; neither is used up."""
    application, runtime = await url_for(edge, application="shop"), await url_for(edge, **RUNTIME)
    async with edge.client() as client:
        crossed = [
            await client.get(application.replace("/applications/", "/runtimes/")),
            await client.get(runtime.replace("/runtimes/", "/applications/")),
        ]
        right = [await client.get(application), await client.get(runtime)]
    assert [(answer.status_code, answer.json()["error"]) for answer in crossed] == [(403, "Invalid token.")] * 2
    assert [answer.status_code for answer in right] == [200, 200]


async def test_certificates_of_the_two_kinds_are_not_taken_for_each_other(
    edge: Edge, make_csr: Make, key_file: Keys
) -> None:
    """Neither learns anything at the other's endpoints."""
    key = key_file("rsa:2048")
    async with await paired(edge, make_csr("rsa:2048", SUBJECT), key) as runtime:
        at_applications = await runtime.get(f"{edge.url}/v1/applications/management/info")
    async with await edge.pair("shop", make_csr(), key) as application:
        at_runtimes = await application.get(f"{edge.url}/v1/runtimes/management/info")
    assert (at_applications.status_code, at_runtimes.status_code) == (404, 403)


@pytest.mark.parametrize("missing", ["tenant", "group"])
async def test_a_runtime_needs_tenant_and_group(missing: str, edge: Edge) -> None:
    """Its certificate would name nobody."""
    status, answer = await edge.ask("tokens", "create", RUNTIME | {missing: ""})
    assert (status, answer["type"]) == ("400", "urn:hub:missing-field")
