"""`hub trace`: the hops of one trace as a tree, with how long each took."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

_TRACE_DIGITS = 32


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples: hub trace 4711 · hub trace 3f0a-… --source shop · hub trace 0af7651916cd43dd8448eb211c80319c"
    )(trace)


def trace(
    which: Annotated[str, typer.Argument(help="A trace id, or an event by its sequence or id.", metavar="TRACE|EVENT")],
    is_id: Annotated[bool, typer.Option("--id", help="It is the id of an event, whatever it looks like.")] = False,
    source: Annotated[str | None, typer.Option("--source", "--app", help="Who emitted the event.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="The event's type.")] = None,
    output: Annotated[Literal["table", "json"], typer.Option("-o", "--output", help="For people, or for programs.")] = (
        "table"
    ),
) -> None:
    """Show what happened on the way of an event: accepted, delivered, invoked, published again, called.

    A hop shows a second or so after it ended. Under load only some traces are recorded; see HUB_TRACING__* in
    `hub settings`.
    """
    from hub.commands.events import request_of
    from hub.commands.session import call, say_json
    from hub.commands.tables import say_table
    from hub.commands.tracetree import TITLES, rows_of

    request = request_of(which, is_id=is_id, source=source, event_type=event_type)

    async def look(session: "Session") -> list[dict[str, Any]]:
        known = is_trace_id(which) and not is_id
        return await spans_of(session, which.lower() if known else await trace_of_event(session, request))

    found = call(look)
    if output == "json":
        say_json(found)
    else:
        say_table(TITLES, rows_of(found))


def is_trace_id(text: str) -> bool:
    """Say whether a text has the form of a trace id."""
    return len(text) == _TRACE_DIGITS and all(letter in "0123456789abcdefABCDEF" for letter in text)


async def trace_of_event(session: "Session", request: dict[str, Any]) -> str:
    """Return the trace id of an event.

    Raises:
        NotFound: the event belongs to no trace, or to one that is not recorded.
    """
    from hub.commands.events import search
    from hub.kernel.errors import NotFound

    accepted = (await search(session, "show", request))["accepted"]
    if not accepted["recorded"]:
        raise NotFound(
            "The trace of this event is not recorded: its sender said so, or more traces began in that second than"
            " HUB_TRACING__TRACES_PER_SECOND. A post with a sampled `traceparent`, or `x-b3-sampled: 1`, is recorded."
        )
    return str(accepted["trace"])


async def spans_of(session: "Session", trace_id: str) -> list[dict[str, Any]]:
    """Return the kept spans of a trace, the earliest first; times in nanoseconds since 1970.

    Raises:
        NotFound: none are kept.
        UpstreamUnavailable: the event store does not answer.
    """
    import orjson

    from hub.kernel.errors import NotFound

    found = [span | {"trace": trace_id} for body in await _kept(session, trace_id) for span in orjson.loads(body)]
    if not found:
        raise NotFound(
            f"No span of trace {trace_id} is kept: it has not ended yet (ask again in a second), it is older than"
            " HUB_STREAMS__TRACES_MAX_AGE_HOURS, newer ones took its place, or it was never recorded."
        )
    return sorted(found, key=lambda span: (span["began"], -span["ended"]))


async def _kept(session: "Session", trace_id: str) -> list[bytes]:
    """Return the messages that hold the spans of a trace."""
    from nats.errors import Error as NatsError
    from nats.js.errors import APIError, NotFoundError

    from contracts import subjects
    from hub.kernel.errors import UpstreamUnavailable

    bodies: list[bytes] = []
    subject, sequence = subjects.trace(trace_id), 0
    try:
        while True:
            message = await session.js.get_msg(subjects.TRACES, sequence + 1, subject, next=True)
            sequence = message.seq or 0
            bodies.append(message.data or b"[]")
    except NotFoundError:
        return bodies
    except (NatsError, APIError, TimeoutError) as error:
        raise UpstreamUnavailable("The event store does not answer; is the hub up? See `hub status`.") from error
