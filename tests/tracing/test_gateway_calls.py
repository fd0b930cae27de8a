"""Calls through the gateway: what the target is told of the trace, and what a failed call leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import httpx
import pytest

from tests.gateway.targets import Target, Targets
from tests.tracing.conftest import Receiver, Traced, until
from tests.tracing.test_whole_way import register

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
B3 = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-parentspanid": "a" * 16, "x-b3-sampled": "1"}


@pytest.fixture
async def hub(start: Callable[..., Awaitable[Traced]]) -> Traced:
    """Return a gateway that begins no traces."""
    return await start(["gateway"], traces_per_second=0)


async def call(hub: Traced, target: Target, headers: Mapping[str, str]) -> int:
    """Call the registered API; returns the status of the first answer that the gateway does not give by itself."""
    await register(hub, target)
    async with httpx.AsyncClient(base_url=hub.process.addresses()["gateway"], timeout=30) as client:
        while (answer := await client.get("/app/service/x", headers=headers)).status_code == 404:
            await asyncio.sleep(0.01)
    return answer.status_code


async def test_a_target_gets_the_call_as_its_parent_in_both_forms(
    hub: Traced, targets: Targets, receiver: Receiver
) -> None:
    """W3C always, B3 too where the caller speaks it; nothing of the caller's own span is left over."""
    target = await targets.serve()
    assert await call(hub, target, B3) == 200
    (span,) = await until(lambda: receiver.named("call api"))
    assert (TRACE, SPAN) == (span["traceId"], span["parentSpanId"])
    seen = target.seen[0]
    assert f"00-{TRACE}-{span['spanId']}-01" == seen.header("traceparent")
    names = ("x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-parentspanid")
    assert (TRACE, span["spanId"], "1", None) == tuple(seen.header(name) for name in names)


async def test_what_is_not_recorded_passes_as_it_is(hub: Traced, targets: Targets, receiver: Receiver) -> None:
    """The target sees what the caller sent, and no span is made."""
    target = await targets.serve()
    sent = {"traceparent": f"00-{TRACE}-{SPAN}-00", "x-b3-sampled": "0"}
    assert await call(hub, target, sent) == 200
    assert sent == {name: target.seen[0].header(name) for name in sent}
    await hub.process.stop()
    assert not receiver.spans


async def test_a_target_that_is_away_leaves_a_failed_span(hub: Traced, targets: Targets, receiver: Receiver) -> None:
    """By kind and status; the address of the target is not told."""
    gone = Target("http://127.0.0.1:9", 9)
    assert await call(hub, gone, B3) == 502
    (span,) = await until(lambda: receiver.named("call api", application="app"))
    assert (2, "upstream-unavailable", 502) == (
        span["status"]["code"], span["status"]["message"], span["attributes"]["status-code"]
    )  # fmt: skip
    assert "127.0.0.1" not in str(span)
