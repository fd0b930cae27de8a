"""The collector's side: what it is told, what happens when it is away, and that events never wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from hub import __version__
from hub.kernel.metrics import REGISTRY
from hub.kernel.trace import TRACER, Span
from hub.tracing.settings import TracingSettings, collector_of, headers_of
from tests.tracing.conftest import Receiver, Traced, until

Start = Callable[..., Awaitable[Traced]]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED, UNSAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01", f"00-{TRACE}-00f067aa0ba902b7-00"


def dropped(reason: str) -> float:
    """Return how many spans were given up for a reason."""
    return REGISTRY.get_sample_value("hub_spans_dropped_total", {"reason": reason}) or 0.0


async def test_it_is_told_who_speaks_with_the_headers_it_wants(start: Start, receiver: Receiver) -> None:
    """Resource attributes name the process; the settings' headers go along; the path is OTLP's."""
    hub = await start(["ingress"], headers="x-api-key=s%20e, tenant=a")
    assert (await hub.post("e-1")).status_code == 204
    await until(lambda: receiver.spans)
    seen = receiver.target.seen[0]
    assert ("POST", "/v1/traces", "application/json") == (seen.method, seen.target, seen.header("content-type"))
    assert ("s e", "a") == (seen.header("x-api-key"), seen.header("tenant"))
    assert {"service.name": "hub-ingress", "service.version": __version__}.items() <= receiver.resources[0].items()


async def test_a_caller_that_brings_a_trace_decides(start: Start, receiver: Receiver) -> None:
    """Recorded below its span, or not at all, however many traces may begin here; refusals are in its trace too."""
    hub = await start(["ingress"], traces_per_second=0)
    await hub.post("e-1", {"traceparent": UNSAMPLED})
    await hub.post("e-2")
    await hub.post("e-3", {"traceparent": SAMPLED})
    await hub.post("e-4", {"b3": f"{TRACE}-00f067aa0ba902b7-1"})
    assert (await hub.post("e-5", {"traceparent": SAMPLED, "ce-specversion": "7"})).status_code == 400
    await until(lambda: len(receiver.spans) == 3)
    told = {span["attributes"].get("event-id"): span for span in receiver.spans}
    assert {"e-3", "e-4", None} == set(told)
    assert {(TRACE, "00f067aa0ba902b7")} == {(span["traceId"], span["parentSpanId"]) for span in told.values()}
    assert (2, "invalid-input", 400) == (
        told[None]["status"]["code"], told[None]["status"]["message"], told[None]["attributes"]["status-code"]
    )  # fmt: skip


async def test_a_refusal_begins_no_trace(start: Start, receiver: Receiver) -> None:
    """Whoever posts rubbish takes nothing off what may be recorded; the answer tells all there is."""
    hub = await start(["ingress"])
    assert (await hub.post("e-1", {"ce-specversion": "7"})).status_code == 400
    assert (await hub.post("e-2")).status_code == 204
    await until(lambda: receiver.spans)
    assert ["e-2"] == [span["attributes"].get("event-id") for span in receiver.spans]


async def test_what_begins_here_is_bounded(start: Start, receiver: Receiver) -> None:
    """A burst records as many traces as a second may have; all events are stored."""
    hub = await start(["ingress"], traces_per_second=3)
    answers = await asyncio.gather(*(hub.post(f"e-{number}") for number in range(30)))
    assert {204} == {answer.status_code for answer in answers}
    await until(lambda: len(receiver.spans) >= 3)
    assert len(receiver.spans) < 30


async def test_a_batch_is_one_span(start: Start, receiver: Receiver) -> None:
    """Posted together, accepted together: the first event stands for all, with their number."""
    hub = await start(["ingress"])
    event = {"specversion": "1.0", "source": "shop", "type": "order.created.v1", "data": 1}
    media = {"content-type": "application/cloudevents-batch+json"}
    answer = await hub.client.post("/shop/events", headers=media, json=[event | {"id": name} for name in "abc"])
    assert answer.status_code == 204
    await until(lambda: receiver.spans)
    told = receiver.spans[0]["attributes"]
    assert ("a", 3, "batch", "stored") == tuple(told[name] for name in ("event-id", "events", "dialect", "outcome"))


async def test_without_a_collector_events_flow_and_drops_are_counted(start: Start, receiver: Receiver) -> None:
    """The log says once that it is away; what waits is bounded; when it is back the newest spans arrive."""
    receiver.status = 503
    before = dropped("collector")
    with capture_logs() as lines:
        hub = await start(["ingress"], queue=5, traces_per_second=1000)
        for number in range(20):
            assert (await hub.post(f"e-{number}")).status_code == 204
            await until(lambda: not TRACER.ended)  # that list is bounded too, and drops the newest
            if number == 0:
                await until(lambda: receiver.target.seen)
        await until(lambda: dropped("collector") - before >= 10)
        receiver.status = 200
        await until(lambda: any(span["attributes"]["event-id"] == "e-19" for span in receiver.spans))
        await until(lambda: any(line["event"] == "collector.reached" for line in lines))
    said = [line for line in lines if line["event"] == "collector.unreachable"]
    assert len(said) == 1 and said[0]["collector"].startswith("127.0.0.1:")


async def test_a_hub_that_stops_hands_its_last_spans_over(start: Start, receiver: Receiver) -> None:
    """What has ended is sent although the next flush is far away."""
    hub = await start(["ingress"], flush_seconds=3600)
    await hub.post("e-1")
    assert not receiver.spans
    await hub.process.stop()
    assert ["e-1"] == [span["attributes"]["event-id"] for span in receiver.spans]
    assert TRACER.limit == 0


async def test_switched_off_nothing_is_recorded(start: Start, receiver: Receiver) -> None:
    """A context passes as it came."""
    hub = await start(["ingress"], record=False)
    answer = await hub.post("e-1", {"traceparent": SAMPLED})
    stored = await hub.bus.js.get_msg("EVENTS", int(answer.headers["hub-sequence"]))
    assert SAMPLED == (stored.headers or {})["traceparent"]
    assert not TRACER.ended and not receiver.target.seen


def test_a_span_of_a_full_queue_is_dropped() -> None:
    """Without anybody to take it, a span costs nothing more than a number."""
    before = TRACER.dropped
    Span("hop", SAMPLED).end({})
    assert before + 1 == TRACER.dropped
    TRACER.dropped = before


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c/otlp"}, "http://c/otlp/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, "http://t/x"),
        ({"TRACE_COLLECTOR_ENDPOINT": "http://k:4318/v1/traces"}, "http://k:4318/v1/traces"),
    ],
)
def test_the_environment_of_others_is_honoured(environment: dict[str, str], expected: str | None) -> None:
    """OpenTelemetry's own variables, and the one that Kyma's Functions get."""
    assert expected == collector_of(environment)


@pytest.mark.parametrize(
    ("given", "kept"), [("http://c:4318", "http://c:4318/v1/traces"), ("https://c/api/otlp", "https://c/api/otlp")]
)
def test_an_address_without_a_path_gets_the_usual_one(given: str, kept: str) -> None:
    """Both spellings of collectors work."""
    assert kept == TracingSettings(endpoint=given).endpoint


@pytest.mark.parametrize("wrong", [{"endpoint": "c:4317"}, {"endpoint": "grpc://c:4317"}, {"headers": "no sign"}])
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    """At the start, not when the first span should leave."""
    with pytest.raises(ValidationError):
        TracingSettings(**wrong)


def test_headers_are_a_secret() -> None:
    """An API key is not shown."""
    found = headers_of({"OTEL_EXPORTER_OTLP_HEADERS": "api-key=abc"})
    assert "abc" not in repr(TracingSettings(headers=found))


def test_functions_are_told_the_collector(tmp_path: Path) -> None:
    """As upstream's runtimes are; a place of their own has precedence."""
    from tests.conftest import make_settings

    tracing = {"tracing": {"endpoint": "http://c:4318"}}
    assert make_settings(tmp_path, "nats://x", **tracing).functions.trace_collector_url == "http://c:4318/v1/traces"
    own = make_settings(tmp_path, "nats://x", functions={"trace_collector_url": "http://d"}, **tracing)
    assert own.functions.trace_collector_url == "http://d"
