"""Where deliveries go, one kind of sink per file."""

from collections.abc import Callable, Mapping

from hub.dispatch.model import SinkKind
from hub.dispatch.planning import Plan
from hub.dispatch.sinks import function, http, subject
from hub.dispatch.sinks.outside import Outside, Send

SINKS: Mapping[SinkKind, Callable[[Outside, Plan], Send]] = {
    "http": http.sender,
    "function": function.sender,
    "subject": subject.sender,
}
"""Kind of sink → what makes the `send` of a plan."""
