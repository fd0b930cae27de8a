"""What a client certificate may do with itself: who am I, renew, revoke - and which certificates are refused."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from contracts import subjects
from contracts.certificate.v1 import CertificateRenewed, CertificateRevoked
from contracts.envelope import unwrap
from hub.connector.authority import create
from hub.connector.model import Subject
from hub.connector.signing import sign
from hub.connector.store import REVOKED, Revocations
from hub.kernel.broker import Bus
from hub.kernel.state import Bucket, View

from .conftest import Edge, Make

INFO, RENEWALS, REVOCATIONS = (
    f"/v1/applications/{path}" for path in ("management/info", "certificates/renewals", "certificates/revocations")
)

Keys = Callable[[str], Path]


def refusal(response: httpx.Response) -> tuple[int, object]:
    """Return status and text of a refusal."""
    assert response.json()["code"] == response.status_code
    return response.status_code, response.json()["error"]


async def test_a_client_is_told_who_it_is_on_every_new_connection(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """A known client asks before each event, each time on a connection of its own."""
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as client:
        answers = [await client.get(edge.url + INFO, headers={"connection": "close"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].json()["clientIdentity"] == {"application": "shop"}
    assert f"{edge.url}{REVOCATIONS}" == answers[0].json()["urls"]["revocationCertUrl"]


async def test_a_certificate_is_renewed_with_the_same_key(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """201 as for the first; the old one stays good until it ends; other rooms are told which it replaces."""
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as client:
        renewed = await client.post(edge.url + RENEWALS, json={"csr": make_csr()})
        still = await client.get(edge.url + INFO)
    stored = await edge.bus.js.get_last_msg(subjects.HUB, CertificateRenewed.contract_type)
    told = unwrap(CertificateRenewed, stored.headers or {}, stored.data or b"")
    assert (renewed.status_code, still.status_code) == (201, 200)
    assert {"crt", "clientCrt", "caCrt"} == renewed.json().keys()
    assert told.previous_fingerprint not in {"", told.fingerprint}


async def test_renewal_gives_no_certificate_for_another_application(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """The subject is the one of the certificate that asks, whatever the request says."""
    await edge.register("other")
    foreign = make_csr("rsa:2048", "/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=other")
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as client:
        answer = await client.post(edge.url + RENEWALS, json={"csr": foreign})
    assert refusal(answer) == (400, "CSR: Invalid common name provided.")


async def test_revocation_holds_on_the_open_connection_at_once(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """The next request is refused; revoking again changes nothing and is told to nobody twice."""
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as client:
        revoked = await client.post(edge.url + REVOCATIONS)
        info, renewal = await client.get(edge.url + INFO), await client.post(edge.url + RENEWALS, json={})
        again = await client.post(edge.url + REVOCATIONS)
    assert (
        revoked.status_code, revoked.content, revoked.headers["content-type"],
    ) == (201, b"", "application/json;charset=UTF-8")  # fmt: skip
    assert (403, "Certificate has been revoked.") == refusal(info) == refusal(renewal)
    assert again.status_code == 201
    assert await _told(edge) == 1


class LateView:
    """A view that hears of a change when the test says so."""

    heard: Callable[[str, Any], None]

    def on_change(self, listener: Callable[[str, Any], None]) -> None:
        """Remember who listens."""
        self.heard = listener


async def test_revoking_returns_when_this_process_refuses_the_certificate(bus: Bus) -> None:
    """The answer 201 is a promise about the next request; stored but not yet heard of is too early."""
    view, bucket, fingerprint = LateView(), Bucket(bus.js, subjects.REVOCATIONS, REVOKED), "f" * 64
    revoking = asyncio.create_task(Revocations(bucket, cast(View[Any], view)).add(fingerprint, {}))
    async with asyncio.timeout(5):
        while await bucket.get(fingerprint) is None:
            await asyncio.sleep(0.01)
        done, _ = await asyncio.wait([revoking], timeout=0.05)
        view.heard(fingerprint, {})
        assert not done and await revoking


async def test_an_operator_revokes_by_fingerprint(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """A certificate on a lost machine is revoked without it; what is no fingerprint is refused."""
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as client:
        (written,) = edge.folder.iterdir()
        fingerprint = x509.load_pem_x509_certificate(written.read_bytes()).fingerprint(SHA256()).hex()
        request = {"application": "shop", "fingerprint": fingerprint.upper()}
        first, second = [await edge.ask("revocations", "create", request) for _ in range(2)]
        info = await client.get(edge.url + INFO)
    assert [(status, told["outcome"]) for status, told in (first, second)] == [("200", "revoked"), ("200", "unchanged")]
    assert refusal(info) == (403, "Certificate has been revoked.")
    assert (await edge.ask("revocations", "create", {"application": "shop", "fingerprint": "x"}))[0] == "400"


async def test_without_a_certificate_the_answer_is_401(edge: Edge) -> None:
    """Whatever needs a certificate says so, in the shape of the dialect."""
    async with edge.client() as client:
        answers = [
            await client.get(edge.url + INFO),
            await client.post(edge.url + RENEWALS, json={}),
            await client.post(edge.url + REVOCATIONS),
        ]
    assert [refusal(answer)[0] for answer in answers] == [401, 401, 401]


async def test_the_certificate_of_a_removed_application_is_of_no_use(
    edge: Edge, make_csr: Make, key_file: Keys
) -> None:
    """It neither learns addresses nor renews itself."""
    async with asyncio.timeout(10), await edge.pair("shop", make_csr(), key_file("rsa:2048")) as client:
        await edge.remove("shop")
        while (await client.get(edge.url + INFO)).status_code == 200:
            await asyncio.sleep(0.01)
        answer = await client.post(edge.url + RENEWALS, json={"csr": make_csr()})
    assert refusal(answer)[0] == 404


@pytest.mark.parametrize("issuer", ["own", "foreign"])
async def test_a_certificate_of_another_authority_gets_no_connection(
    issuer: str, edge: Edge, make_csr: Make, key_file: Keys, shop: Subject
) -> None:
    """Neither a self-made authority of the same name nor its certificates pass the handshake."""
    now = datetime.now(UTC)
    authority = create("ecdsa-p256", now=now, days=10)
    issued = sign(authority, make_csr(), shop, now=now, days=1)
    (edge.folder / "own.pem").write_bytes(authority.certificate)
    (edge.folder / "own.key").write_bytes(authority.key)
    (edge.folder / "foreign.pem").write_bytes(issued.certificate)
    key = edge.folder / "own.key" if issuer == "own" else key_file("rsa:2048")
    async with edge.client(edge.folder / f"{issuer}.pem", key) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(edge.url + INFO)


async def test_the_edges_certificate_is_good_for_every_name_of_this_machine(edge: Edge) -> None:
    """Clients that check it may use localhost or the loopback address."""
    async with edge.client() as client:
        assert (await client.get(edge.url.replace("localhost", "127.0.0.1") + INFO)).status_code == 401


async def _told(edge: Edge) -> int:
    info = await edge.bus.js.stream_info(subjects.HUB, subjects_filter=CertificateRevoked.contract_type)
    return sum((info.state.subjects or {}).values())
