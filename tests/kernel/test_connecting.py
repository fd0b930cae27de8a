"""The first connection with the event store comes within its time or not at all."""

import asyncio
from typing import Any

import pytest

from hub.kernel import broker
from hub.kernel.client import Client
from hub.kernel.errors import BrokerUnavailable


async def test_an_attempt_that_cannot_be_cancelled_at_once_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Python 3.12 a handshake that fails in the moment of the cancellation swallows it, and the library goes on
    trying: a command would never come back."""
    swallowed = []

    async def connect(_client: Client, **_options: Any) -> None:
        while len(swallowed) < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed.append(True)
        await asyncio.sleep(60)

    monkeypatch.setattr(Client, "connect", connect)
    monkeypatch.setattr(broker, "FIRST_CONNECT_SECONDS", 0.05)
    async with asyncio.timeout(30):
        with pytest.raises(BrokerUnavailable):
            await broker.connect(["nats://127.0.0.1:9"], "test")
    assert len(swallowed) == 3
