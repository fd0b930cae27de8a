"""Revocations over time: kept as long as they matter, forgotten when the certificate has ended anyway."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from contracts import subjects
from hub.connector.store import FORGIVEN, REVOKED, Revocations
from hub.kernel.broker import Bus
from hub.kernel.clock import rfc3339
from hub.kernel.state import Bucket, View

from .conftest import NOW, Edge, Make, OpenEdge

Keys = Callable[[str], Path]


@pytest.fixture
def bucket(bus: Bus) -> Bucket[dict[str, str]]:
    """The bucket of revoked certificates."""
    return Bucket(bus.js, subjects.REVOCATIONS, REVOKED)


async def test_only_revocations_of_ended_certificates_are_forgotten(bus: Bus, bucket: Bucket[dict[str, str]]) -> None:
    """A day is forgiven, for clocks differ; what does not say its end is kept."""
    ends = {"a" * 64: NOW - FORGIVEN - timedelta(seconds=1), "b" * 64: NOW - FORGIVEN, "c" * 64: NOW}
    for fingerprint, end in ends.items():
        await bucket.create(fingerprint, {"not_after": rfc3339(end)})
    await bucket.create("d" * 64, {"reason": "old entry"})
    revocations = Revocations(bucket, View(bus.js, subjects.REVOCATIONS, REVOKED))
    assert (await revocations.forget(NOW), await revocations.forget(NOW)) == (1, 0)
    assert sorted(await bucket.keys()) == ["b" * 64, "c" * 64, "d" * 64]


async def test_a_start_tidies_up(open_edge: OpenEdge, bucket: Bucket[dict[str, str]]) -> None:
    """What ended long ago is gone soon after the worker has started."""
    await bucket.create("a" * 64, {"not_after": "2020-01-01T00:00:00Z"})
    await open_edge()
    async with asyncio.timeout(10):
        while await bucket.keys():
            await asyncio.sleep(0.01)


async def test_a_revocation_is_kept_until_its_certificate_ends(
    edge: Edge, bucket: Bucket[dict[str, str]], make_csr: Make, key_file: Keys
) -> None:
    """Revoked by its owner: until the certificate's end; by an operator who names a hash: until the authority's."""
    certificate = await edge.certificate("shop", make_csr())
    async with edge.client(certificate, key_file("rsa:2048")) as client:
        await client.post(f"{edge.url}/v1/applications/certificates/revocations")
    await edge.ask("revocations", "create", {"application": "shop", "fingerprint": "f" * 64})
    (own,) = [key for key in await bucket.keys() if key != "f" * 64]
    ends = [
        x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc for path in (certificate, edge.ca)
    ]
    kept = [datetime.fromisoformat((await bucket.need(key)).value["not_after"]) for key in (own, "f" * 64)]
    assert ends == kept and kept[0] > datetime.now(UTC)
