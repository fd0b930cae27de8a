"""`hub catalog check FILE`: may a new version of a specification take the place of the registered one?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from contracts.catalog.v1 import EventTypeEntry
    from hub.catalog.model import EventType
    from hub.catalog.verdict import Verdict
    from hub.commands.session import Session


def check(
    file: Annotated[Path, typer.Argument(help="AsyncAPI document or JSON Schema, as JSON or YAML.", metavar="FILE")],
    application: Annotated[str | None, typer.Option("--app", help="Whose it is.")] = None,
    service: Annotated[str | None, typer.Option(help="Id of its Service; found by the types if absent.")] = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
    ] = "text",
) -> None:
    """Compare a new version of a specification with the catalog; exit status 1 when it breaks somebody."""
    from hub.commands.session import call, refusals_as_exit, say_json

    with refusals_as_exit():
        offered = read_specification(file)

    async def judged(session: "Session") -> "Verdict":
        return await judge_specification(session, offered, application, service)

    verdict = call(judged)
    if output == "json":
        say_json(document_of(verdict))
    else:
        _print(verdict)
    raise typer.Exit(0 if verdict.is_compatible else 1)


def read_specification(file: Path) -> list["EventType"]:
    """Return the event types that a file offers.

    Raises:
        InvalidInput: it cannot be read; the text says why and where.
    """
    import orjson
    import yaml

    from hub.catalog.asyncapi import DOCUMENT_LIMIT_BYTES, read
    from hub.kernel.errors import InvalidInput

    try:
        if file.stat().st_size > DOCUMENT_LIMIT_BYTES:
            raise InvalidInput(f"{file} is larger than {DOCUMENT_LIMIT_BYTES} bytes.")
        raw = file.read_bytes()
        if not raw.lstrip().startswith(b"{"):
            raw = orjson.dumps(yaml.safe_load(raw), default=str, option=orjson.OPT_NON_STR_KEYS)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is neither JSON nor YAML: {str(error)[:200]}.") from error
    return read(raw)


async def judge_specification(
    session: "Session", offered: list["EventType"], application: str | None, service: str | None
) -> "Verdict":
    """Return the verdict on a new version.

    Raises:
        InvalidInput: it is not clear whose specification it is.
    """
    from hub.catalog.verdict import Wish, judge, service_of
    from hub.commands.catalogview import read_entries

    entries = await read_entries(session)
    owner = application or _owner(entries, offered)
    mine = [entry for entry in entries if entry.application == owner]
    prefix = session.settings.ingress.event_type_prefix
    wishes = [Wish(f"{each.scope}/{each.name}", each.spec, prefix) for each in await session.resources("subscriptions")]
    replaced = service_of(mine, offered) if service is None else service
    return judge(owner, replaced, mine, offered=offered, wishes=wishes)


def _owner(entries: list["EventTypeEntry"], offered: list["EventType"]) -> str:
    from hub.kernel.errors import InvalidInput

    names = {found.type for found in offered}
    owners = sorted({entry.application for entry in entries if entry.type in names})
    if len(owners) == 1:
        return owners[0]
    several = f"{', '.join(owners)} offer these event types" if owners else "no Application offers these event types"
    raise InvalidInput(f"Say whose specification it is with --app: {several}.")


def document_of(verdict: "Verdict") -> dict[str, Any]:
    """Return a verdict as programs read it."""
    return {
        "application": verdict.application,
        "service": verdict.service_id or None,
        "compatible": verdict.is_compatible,
        "types": [
            {
                "type": found.type,
                "outcome": found.outcome,
                "changes": [
                    {"effect": change.effect, "pointer": change.pointer, "text": change.text}
                    for change in found.changes
                ],
            }
            for found in verdict.types
        ],
        "subscriptions": [
            {
                "subscription": victim.subscription,
                "type": victim.type,
                "reason": victim.reason,
                "effect": "broken" if victim.certain else "at risk",
            }
            for victim in verdict.victims
        ],
    }


def _print(verdict: "Verdict") -> None:
    from hub.commands.session import say

    whose = f"Service {verdict.service_id} of {verdict.application}" if verdict.service_id else "a new Service"
    say(f"{'compatible' if verdict.is_compatible else 'BREAKING'}, in the place of {whose}")
    for found in verdict.types:
        say(f"  {found.outcome:<10} {found.type}")
        for change in found.changes:
            say(f"    {change.effect:<8} {change}")
    if verdict.victims:
        say("Subscriptions:")
    for victim in verdict.victims:
        effect = "broken" if victim.certain else "at risk"
        say(f"  {effect:<8} {victim.subscription}  {victim.type}: {victim.reason}")
