"""Functions called over HTTP: on the short way of plain calls and by the routes there is the same span."""

from collections.abc import Awaitable, Callable

import pytest

from tests.functions.test_deployment import Hub as Functions
from tests.tracing.conftest import Receiver, Traced, until

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SOURCE = """
def main(event, context):
    return event["extensions"]["request"].headers["traceparent"]
"""


@pytest.fixture
async def hub(start: Callable[..., Awaitable[Traced]]) -> Traced:
    """Return a hub with a Function that answers with the trace context it was given."""
    hub = await start(["ingress", "functions"], traces_per_second=0)
    function = {
        "apiVersion": "serverless.kyma-project.io/v1alpha2",
        "kind": "Function",
        "metadata": {"name": "orders"},
        "spec": {"runtime": "python312", "source": {"inline": {"source": SOURCE}}},
    }
    await hub.apply("functions", function)
    await Functions(hub.process, hub.bus, hub.settings).judged()
    return hub


@pytest.mark.parametrize("path", ["/functions/orders", "/functions/orders?by=routes"])
async def test_a_call_over_http_is_a_span_of_its_callers_trace(hub: Traced, receiver: Receiver, path: str) -> None:
    """The Function is given its own invocation as the parent of what it does."""
    answer = await hub.client.post(path, content=b"{}", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    (span,) = await until(lambda: receiver.named("invoke function", function="default/orders"))
    assert (TRACE, SPAN) == (span["traceId"], span["parentSpanId"])
    assert answer.text == f"00-{TRACE}-{span['spanId']}-01"


@pytest.mark.parametrize("path", ["/functions/orders", "/functions/orders?by=routes"])
async def test_a_call_without_a_trace_begins_one(hub: Traced, path: str) -> None:
    """The Function always has a trace context to pass on, recorded or not."""
    answer = await hub.client.post(path, content=b"{}")
    version, trace, span, flags = answer.text.split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "00")
