"""Exchanging the authority of a running hub: nobody is disconnected, renewals move solutions over, the old one ends."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from contracts import subjects
from contracts.audit.v1 import AuditRecorded
from contracts.envelope import unwrap
from hub.connector.authority import key_identifier
from hub.connector.store import REVOKED
from hub.kernel.state import Bucket

from .conftest import Edge, Make, OpenEdge

INFO = "/v1/applications/management/info"
RENEWALS = "/v1/applications/certificates/renewals"
Keys = Callable[[str], Path]


async def authorities(edge: Edge, verb: str, **request: object) -> list[dict[str, str]]:
    """Ask for a change, or just to see."""
    status, answer = await edge.ask("authorities", verb, request)
    assert status == "200", answer
    found: list[dict[str, str]] = answer["authorities"]
    return found


async def settled(edge: Edge) -> list[dict[str, str]]:
    """Return the authorities once the new one issues."""
    async with asyncio.timeout(10):
        while (found := await authorities(edge, "list"))[0]["state"] != "issuing":
            await asyncio.sleep(0.05)
    return found


def issuer_of(path: Path) -> str:
    """Return the key identifier of the authority that signed a certificate."""
    extensions = x509.load_pem_x509_certificate(path.read_bytes()).extensions
    named = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    return (named or b"").hex()


async def test_an_overlap_disconnects_nobody_and_renewal_moves_over(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """Open connections go on, old certificates and old trust still connect, what is issued is the new authority's."""
    old_ca = edge.folder / "old-ca.pem"
    old_ca.write_bytes(edge.ca.read_bytes())
    old, key = await edge.certificate("shop", make_csr()), key_file("rsa:2048")
    async with edge.client(old, key) as client:
        before = await client.get(edge.url + INFO)
        (first,) = await authorities(edge, "list")
        await authorities(edge, "rotate")
        second, _ = await settled(edge)
        after = await client.get(edge.url + INFO)
    assert after.status_code == 200
    assert after.extensions["network_stream"] is before.extensions["network_stream"], "the connection is the same"
    async with edge.client(old, key, ca=old_ca) as anew:
        renewed = await anew.post(edge.url + RENEWALS, json={"csr": make_csr()})
    new, trust = edge.keep("shop", renewed), edge.folder / "new-ca.pem"
    trust.write_bytes(base64.b64decode(renewed.json()["caCrt"]))
    assert (issuer_of(old), issuer_of(new)) == (first["keyIdentifier"], second["keyIdentifier"])
    assert len(x509.load_pem_x509_certificates(trust.read_bytes())) == 2
    async with edge.client(new, key, ca=trust) as moved:
        assert (await moved.get(edge.url + INFO)).status_code == 200
    assert set(edge.ca.read_bytes().split(b"-----BEGIN")) == set(trust.read_bytes().split(b"-----BEGIN"))


async def test_ending_the_old_authority_ends_its_certificates_on_open_connections_too(
    edge: Edge, make_csr: Make, key_file: Keys
) -> None:
    """Refused while they may be in use; with force the next request is refused, and the next handshake."""
    key, old = key_file("rsa:2048"), await edge.certificate("shop", make_csr())
    await authorities(edge, "rotate")
    await settled(edge)
    async with edge.client(old, key) as left_behind, edge.client(old, key) as moving:
        assert (await left_behind.get(edge.url + INFO)).status_code == 200
        new = edge.keep("shop", await moving.post(edge.url + RENEWALS, json={"csr": make_csr()}))
        status, answer = await edge.ask("authorities", "finish", {})
        assert (status, answer["type"]) == ("400", "urn:hub:invalid-input")
        assert len(await authorities(edge, "finish", force=True, actor="anna@desk")) == 1
        refused = await left_behind.get(edge.url + INFO)
    assert (refused.status_code, refused.json()["error"]) == (403, "Certificate has been revoked.")
    async with edge.client(old, key) as too_late:  # trusts the new authority alone: ca.crt holds no other any more
        with pytest.raises(httpx.TransportError):
            await too_late.get(edge.url + INFO)
    async with edge.client(new, key) as moved:
        assert (await moved.get(edge.url + INFO)).status_code == 200
    record = await edge.bus.js.get_last_msg(subjects.HUB, AuditRecorded.contract_type)
    told = unwrap(AuditRecorded, record.headers or {}, record.data or b"")
    assert (told.actor, told.action, told.target) == ("operator:anna@desk", "authority.finish", "authorities/hub")


async def test_every_process_follows_a_rotation(open_edge: OpenEdge, make_csr: Make, key_file: Keys) -> None:
    """Whichever process was asked: a certificate of the new authority opens the other's listener too."""
    one, other = await open_edge(), await open_edge()
    newest = (await authorities(one, "rotate"))[0]["keyIdentifier"]
    for issuing, serving in ((one, other), (other, one)):
        certificate = await issuing.certificate("shop", make_csr())
        async with asyncio.timeout(10):
            while issuer_of(certificate) != newest:
                certificate = await issuing.certificate("shop", make_csr())
        async with serving.client(certificate, key_file("rsa:2048")) as client:
            assert (await client.get(serving.url + INFO)).status_code == 200


async def test_an_end_that_was_interrupted_is_finished_by_repeating_it(edge: Edge, make_csr: Make) -> None:
    """The certificates are refused before the authority is forgotten; a crash in between leaves both to be seen."""
    old = await edge.certificate("shop", make_csr())
    await authorities(edge, "rotate")
    await settled(edge)
    facts = {"reason": "its authority was ended", "not_after": "2100-01-01T00:00:00Z"}
    await Bucket(edge.bus.js, subjects.REVOCATIONS, REVOKED).create(issuer_of(old), facts)
    assert len(await authorities(edge, "list")) == 2
    assert len(await authorities(edge, "finish", force=True)) == 1


async def test_a_restart_within_an_overlap_changes_nothing(
    open_edge: OpenEdge, make_csr: Make, key_file: Keys
) -> None:
    """Both authorities are kept, sealed; a certificate of the old one still connects."""
    edge = await open_edge()
    old = await edge.certificate("shop", make_csr())
    await authorities(edge, "rotate")
    before = await settled(edge)
    await edge.process.stop()
    again = await open_edge()
    assert before == await authorities(again, "list")
    async with again.client(old, key_file("rsa:2048")) as client:
        assert (await client.get(again.url + INFO)).status_code == 200


def test_the_key_identifier_is_found_without_the_extension(tmp_path: Path) -> None:
    """An authority of somebody else's may not state one; its certificates name it by the hash of its key."""
    from .conftest import openssl

    pem = openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=ca",
                  "-keyout", str(tmp_path / "key"), "-addext", "subjectKeyIdentifier=none")  # fmt: skip
    certificate = x509.load_pem_x509_certificate(pem)
    stated = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest.hex()
    assert key_identifier(certificate) == stated
