"""Who did what, of each act of the connector: recorded, and kept longer than the contract events."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from contracts import subjects
from contracts.audit.v1 import AuditRecorded
from contracts.envelope import unwrap

from .conftest import Edge, Make

Keys = Callable[[str], Path]


async def records(edge: Edge, number: int) -> list[AuditRecorded]:
    """Return the audit records once so many are kept."""
    async with asyncio.timeout(10):
        while (await edge.bus.js.stream_info(subjects.AUDIT)).state.messages < number:
            await asyncio.sleep(0.01)
    kept = [await edge.bus.js.get_msg(subjects.AUDIT, sequence) for sequence in range(1, number + 1)]
    return [unwrap(AuditRecorded, message.headers or {}, message.data or b"") for message in kept]


async def test_each_act_names_its_actor_and_its_target(edge: Edge, make_csr: Make, key_file: Keys) -> None:
    """From the invitation to the revocation: who, what, on what, from where - and no token."""
    root = f"{edge.url}/v1/applications/certificates"
    _, offered = await edge.ask("tokens", "create", {"application": "shop", "actor": "anna@desk"})
    async with edge.client() as plain:
        info = (await plain.get(offered["url"])).json()
        issued = await plain.post(info["csrUrl"], json={"csr": make_csr()})
    async with edge.client(edge.keep("shop", issued), key_file("rsa:2048")) as client:
        await client.post(f"{root}/renewals", json={"csr": make_csr()})
        await client.post(f"{root}/revocations")
    kept = await records(edge, 4)
    assert [(record.actor, record.action, record.target, record.address) for record in kept] == [
        ("operator:anna@desk", "pairing.offer", "applications/shop", ""),
        ("token:shop", "certificate.issue", "applications/shop", "127.0.0.1"),
        ("certificate:shop", "certificate.renew", "applications/shop", "127.0.0.1"),
        ("certificate:shop", "certificate.revoke", "applications/shop", "127.0.0.1"),
    ]
    secrets = [offered["token"], info["csrUrl"].split("token=")[1]]
    assert not [secret for secret in secrets for record in kept if secret in record.model_dump_json()]


async def test_an_operators_revocation_names_the_reason(edge: Edge) -> None:
    """The audit says who revoked whose certificate, and why."""
    request = {"application": "shop", "fingerprint": "ab" * 32, "reason": "laptop lost", "actor": "bob@ops"}
    await edge.ask("revocations", "create", request)
    (record,) = await records(edge, 1)
    assert ("operator:bob@ops", "certificate.revoke", "applications/shop") == (
        record.actor, record.action, record.target,
    )  # fmt: skip
    assert "laptop lost" in record.detail and "ab" * 32 in record.detail


async def test_what_was_refused_is_not_recorded_as_done(edge: Edge) -> None:
    """A token for nobody leaves no record of one."""
    await edge.ask("tokens", "create", {"application": "nobody"})
    await edge.ask("revocations", "create", {"application": "shop", "fingerprint": "ab" * 32})
    assert [record.action for record in await records(edge, 1)] == ["certificate.revoke"]
