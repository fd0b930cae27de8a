"""`hub audit`: who did what, newest last."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

COLUMNS = "{time:<21} {actor:<28} {action:<20} {target:<28} {outcome:<8} {address:<16} {detail}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: hub audit applications/shop --last 10")(audit)


def audit(
    target: Annotated[
        str | None, typer.Argument(help="Only what was done to this, such as applications/shop.", show_default=False)
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="Look at so many records, from the newest back.")] = 100,
    output: Annotated[str, typer.Option("-o", "--output", help="text, or json for programs.")] = "text",
) -> None:
    """Show who did what: pairings, certificates, pauses, replays, what was dropped; kept for 400 days."""
    from hub.commands.session import call, say, say_json

    async def act(session: "Session") -> list[dict[str, Any]]:
        return [record async for record in records(session, last) if target in {None, record["target"]}]

    found = call(act)
    if output == "json":
        say_json(found)
        return
    for record in found:
        say(COLUMNS.format(**record).rstrip())


async def records(session: "Session", last: int) -> AsyncIterator[dict[str, Any]]:
    """Iterate over the newest audit records, oldest of them first.

    Raises:
        UpstreamUnavailable: the event store does not answer.
    """
    from nats.errors import Error as NatsError
    from nats.js.errors import APIError, NotFoundError

    from contracts import subjects
    from hub.kernel.errors import UpstreamUnavailable

    try:
        newest = (await session.js.stream_info(subjects.AUDIT)).state.last_seq
        for sequence in range(max(1, newest - last + 1), newest + 1):
            try:
                message = await session.js.get_msg(subjects.AUDIT, sequence)
            except NotFoundError:  # it has aged away
                continue
            yield read(message.headers or {}, message.data or b"")
    except (NatsError, APIError, TimeoutError) as error:
        raise UpstreamUnavailable("The event store does not answer; is the hub up? See `hub status`.") from error


def read(headers: dict[str, str], data: bytes) -> dict[str, Any]:
    """Return a stored record as it is shown: its own members, and when it was recorded."""
    from contracts.audit.v1 import AuditRecorded
    from contracts.envelope import read_attributes, unwrap

    time = read_attributes(headers).get("time", "")
    return {"time": f"{time[:19]}Z" if time else "", **unwrap(AuditRecorded, headers, data).model_dump(mode="json")}
