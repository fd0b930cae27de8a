"""`hub replay`: events of the past, delivered again to one Subscription only."""

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

_REASONS = {
    "delivered": "delivered before; --all delivers them again",
    "unknown": "not known whether delivered: the Subscription was changed or its position set since; --all decides",
    "waiting": "wait for their delivery anyway",
    "in_hand": "being delivered or retried now",
    "filtered": "refused by a filter of the Subscription",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples: hub replay orders --from 2h --dry-run · hub replay orders --from 4711 --to 4800 --all · "
        "hub replay orders --from 7d --type order.created.v1 --key partitionkey=42"
    )(replay)


def replay(  # noqa: PLR0913, PLR0917 - every option is a parameter
    subscription: Annotated[str, typer.Argument(help="Name of the Subscription that gets the events.")],
    begin: Annotated[str, typer.Option("--from", help="Sequence, or time: 2h, 7d, 2030-01-31T12:00:00Z.")],
    end: Annotated[str | None, typer.Option("--to", help="Up to here; as --from.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="ATTR=VALUE", help="Only where an attribute, or a JSON pointer, has this value."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was delivered, or may have been.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    scope: Annotated[str, typer.Option("-n", "--scope", "--namespace", help="Scope of the Subscription.")] = "default",
    output: Annotated[Literal["text", "json"], typer.Option("-o", "--output", help="For people or programs.")] = "text",
) -> None:
    """Deliver events again to one Subscription: by default those that it never succeeded with."""
    from uuid import uuid4

    from hub.commands.moments import caller
    from hub.commands.session import call, refusals_as_exit

    now = time.time()
    with refusals_as_exit():
        request: dict[str, Any] = {"name": subscription, "scope": scope, "type": event_type}
        request |= {"by": caller(), "run": uuid4().hex}
        request |= _bound(begin, "from", now) | (_bound(end, "to", now) if end else {})
        request |= {"key": _key(key)} if key else {}
        request |= {name: True for name, said in (("all", everything), ("dryRun", dry_run)) if said}
    _report(call(lambda session: replay_all(session, request)), output)


def _bound(text: str, side: str, now: float) -> dict[str, Any]:
    from hub.commands.moments import moment_of

    if text.isascii() and text.isdigit() and int(text) > 0:
        return {f"{side}_sequence": int(text)}
    return {f"{side}_at": moment_of(text, f"--{side}", now)}


def _key(text: str) -> list[str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter("write it as ATTRIBUTE=VALUE or /pointer=VALUE.", param_hint="--key")
    return [name, value]


async def replay_all(session: "Session", request: dict[str, Any]) -> dict[str, Any]:
    """Go through all pages; returns the sums."""
    from hub.commands.moments import progress

    answer = await session.ask("subscriptions", "replay", request, timeout_seconds=120)
    sums: dict[str, Any] = {}
    with progress("replaying", answer["total"]) as advance:
        while True:
            _add(sums, answer)
            advance(answer["scanned"])
            if "next" not in answer:
                return sums
            further = {"cursor": answer["next"], "last": answer["last"]}
            answer = await session.ask("subscriptions", "replay", request | further, timeout_seconds=120)


def _add(sums: dict[str, Any], answer: dict[str, Any]) -> None:
    for name in ("replayed", "would"):
        if name in answer:
            sums[name] = sums.get(name, 0) + answer[name]
    for name in ("left", "types"):
        if name in answer:
            counts = sums.setdefault(name, {})
            for each, count in answer[name].items():
                counts[each] = counts.get(each, 0) + count


def _report(sums: dict[str, Any], output: str) -> None:
    from hub.commands.session import say, say_json

    if output == "json":
        say_json(sums)
        return
    if "would" in sums:
        say(f"{sums['would']} events would be replayed.")
        for event_type, count in sorted(sums["types"].items()):
            say(f"  {count:>7}  {event_type}")
    else:
        say(f"replayed {sums['replayed']}")
    for reason, count in sorted(sums["left"].items()):
        say(f"left {count}: {_REASONS.get(reason, reason)}")
