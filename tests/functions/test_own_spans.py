"""Spans that a handler opens itself lie below its invocation, and are the parents of what it calls inside them."""

from collections.abc import Iterator

import orjson
import pytest

from hub.functions.model import Invocation
from hub.functions.spans import take
from hub.kernel.trace import TRACER
from tests.functions.conftest import Bench, event_headers

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED, UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-01", f"00-{TRACE}-b7ad6b7169203331-00"
PYTHON = """
import http.client
from sdk import get_tracer

def main(event, context):
    sent = []
    with event.tracer.start_as_current_span("outer", attributes={"rows": 2}) as span:
        span.set_attribute("table", "orders")
        try:
            with get_tracer().start_as_current_span("inner"):
                class Captured(http.client.HTTPConnection):
                    def send(self, data):
                        sent.append(data.decode())
                Captured("example.com").request("GET", "/")
                raise KeyError("no")
        except KeyError:
            pass
        span.add_event("ignored")
    return sent[0]
"""
NODE = """
const http = require('node:http');
module.exports = {
  main: (event) => event.tracer.startActiveSpan('outer', { attributes: { rows: 2 } }, async (span) => {
    span.setAttribute('table', 'orders');
    const line = await event.tracer.startActiveSpan('inner', async (inner) => {
      const request = http.request('http://127.0.0.1:1/');
      request.on('error', () => {});
      const sent = `traceparent: ${request.getHeader('traceparent')}\\r\\n`;
      request.destroy();
      inner.recordException(new RangeError('no'));
      inner.end();
      return sent;
    });
    span.end();
    span.end();
    return line;
  }),
};
"""


@pytest.fixture
def recording() -> Iterator[None]:
    """Record in this process."""
    TRACER.limit = 100
    yield
    TRACER.limit, TRACER.dropped = 0, 0
    TRACER.ended.clear()


async def test_a_handlers_spans_lie_below_its_invocation(bench: Bench, recording: None, interpreter: str) -> None:
    """Names, attributes, errors by class, nesting; a call inside names the inner span."""
    worker = await bench.start(NODE if interpreter else PYTHON, node=interpreter)
    answer = await worker.invoke(Invocation(event_headers() | {"traceparent": SAMPLED}, b"{}"), 10)
    inner, outer = TRACER.ended
    assert ("inner", "outer", 200) == (inner.name, outer.name, answer.status)
    assert (SAMPLED[36:52], outer.context[36:52]) == (outer.parent, inner.parent)
    assert {"rows": "2", "table": "orders", "function": "default/orders"} == outer.attributes
    assert ("", "RangeError" if interpreter else "KeyError") == (outer.error, inner.error)
    assert outer.began <= inner.began <= inner.ended <= outer.ended
    assert f"traceparent: {inner.context}\r\n" in answer.body.decode()


async def test_in_a_trace_that_is_not_recorded_they_do_nothing(bench: Bench, recording: None, interpreter: str) -> None:
    """The handler does not notice, and its calls carry the context as it came."""
    worker = await bench.start(NODE if interpreter else PYTHON, node=interpreter)
    answer = await worker.invoke(Invocation(event_headers() | {"traceparent": UNSAMPLED}, b"{}"), 10)
    assert (200, []) == (answer.status, TRACER.ended)
    assert f"traceparent: {UNSAMPLED}\r\n" in answer.body.decode()


@pytest.mark.parametrize(
    "changes",
    [{"context": "no"}, {"context": UNSAMPLED}, {"parent": "x" * 16}, {"began": "soon"}, {"attributes": []}],
    ids=str,
)
def test_what_is_no_span_is_passed_over(recording: None, changes: dict[str, object]) -> None:
    """A process may say what it likes."""
    told = {
        "name": "n" * 5000, "context": SAMPLED, "parent": "b" * 16, "began": 1, "ended": 2, "error": "",
        "attributes": {},
    }  # fmt: skip
    take(orjson.dumps(told | changes), "default.orders")
    take(b"no JSON", "default.orders")
    assert not TRACER.ended
    take(orjson.dumps(told), "default.orders")
    assert (1, 2, 100) == (TRACER.ended[0].began, TRACER.ended[0].ended, len(TRACER.ended[0].name))
