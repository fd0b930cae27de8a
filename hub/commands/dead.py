"""`hub dead`: events that were given up; list them, look into one, deliver them again, drop them."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

app = typer.Typer(help="Dead letters: events whose delivery was given up.", no_args_is_help=True)

Name = Annotated[
    str | None, typer.Argument(help="Name of the Subscription; all when not said.", metavar="SUBSCRIPTION")
]
Scope = Annotated[str, typer.Option("-n", "--scope", "--namespace", help="Its scope (Kyma's namespace).")]
One = Annotated[int | None, typer.Option("--sequence", min=1, help="Only this dead letter, as listed.")]
Type = Annotated[str | None, typer.Option("--type", help="Only events of this type.")]
Kind = Annotated[
    str | None,
    typer.Option("--kind", help="Only this kind of reason: attempts-exhausted, final-status, too-old, no-answer …"),
]
Since = Annotated[str | None, typer.Option("--since", help="Given up after: 2h, 7d, or 2030-01-31T12:00:00Z.")]
Until = Annotated[str | None, typer.Option("--until", help="Given up before; as --since.")]
All = Annotated[bool, typer.Option("--all", help="All there are, of every Subscription when none is named.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
Output = Annotated[Literal["table", "json"], typer.Option("-o", "--output", help="For people, or for programs.")]
PAGE = 500


def _request(name: str | None, scope: str, **more: Any) -> dict[str, Any]:
    """Return a request; moments are told from now, once."""
    from hub.commands.moments import caller, moment_of

    now = time.time()
    for option in ("since", "until"):
        more[option] = moment_of(more.get(option), f"--{option}", now)
    return {"name": name, "scope": scope, "by": caller()} | {key: value for key, value in more.items() if value}


@app.command(
    "list",
    epilog="Examples: hub dead list · hub dead list orders --kind final-status --since 2h -o json",
)
def list_letters(  # noqa: PLR0913, PLR0917 - every option is a parameter
    name: Name = None,
    scope: Scope = "default",
    sequence: One = None,
    event_type: Type = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most this many; all when not said.")] = None,
    cursor: Annotated[int | None, typer.Option("--cursor", min=1, help="Where an earlier list was cut.")] = None,
    output: Output = "table",
) -> None:
    """List dead letters, oldest first: of one Subscription, or of all."""
    from hub.commands.session import call, refusals_as_exit, say, say_error, say_json

    with refusals_as_exit():
        request = _request(
            name, scope, sequence=sequence, type=event_type, kind=kind, since=since, until=until, cursor=cursor
        )
    items, left = call(lambda session: read_all(session, request, limit))
    if output == "json":
        say_json(items)
    elif items:
        _say_table(items)
    else:
        say("There are no dead letters" + (f" of '{name}' in scope '{scope}'" if name else "") + " like that.")
    if left is not None:
        say_error(f"There are more: go on with --cursor {left}.")


async def read_all(
    session: "Session", request: dict[str, Any], limit: int | None
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the letters, page by page, and where the list was cut; None when it is whole."""
    items: list[dict[str, Any]] = []
    while True:
        answer = await session.ask("dead", "list", request | {"limit": PAGE})
        items += answer["items"]
        if limit is not None and len(items) > limit:
            return items[:limit], items[limit]["sequence"]
        if "next" not in answer:
            return items, None
        request = request | {"cursor": answer["next"], "last": answer["last"]}


def _say_table(items: list[dict[str, Any]]) -> None:
    from hub.commands.tables import say_table

    titles = ("SEQUENCE", "GIVEN UP", "SUBSCRIPTION", "TYPE", "EVENT", "ATTEMPTS", "KIND", "REASON")
    say_table(
        titles,
        [
            (
                str(item["sequence"]),
                item["at"],
                f"{item['scope']}/{item['subscription']}",
                item["type"],
                item["id"],
                str(item["attempts"] or "-"),
                item["kind"],
                item["reason"],
            )
            for item in items
        ],
    )


@app.command(epilog="Example: hub dead show 17")
def show(
    sequence: Annotated[int, typer.Argument(help="Number of the dead letter.", min=1)], output: Output = "table"
) -> None:
    """Show one dead letter: why it was given up, the event's attributes and its data."""
    from hub.commands.session import call, say, say_json

    letter = call(lambda session: session.ask("dead", "show", {"sequence": sequence}))
    if output == "json":
        say_json(letter)
        return
    for title, key in (("subscription", "subscription"), ("given up", "at"), ("reason", "reason"), ("kind", "kind")):
        say(f"{title:<14}{letter[key]}")
    for title, key in (("attempts", "attempts"), ("status", "status"), ("answer", "response")):
        say(f"{title:<14}{letter[key] if letter[key] not in (None, '') else '-'}")
    for attribute, value in sorted(letter["attributes"].items()):
        say(f"{'ce-' + attribute:<24}{value}")
    say(_data_text(letter))


def _data_text(letter: dict[str, Any]) -> str:
    import orjson

    if "data_base64" in letter:
        return f"data (base64)\n{letter['data_base64']}"
    data = letter.get("data", "")
    return data if isinstance(data, str) else orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()


@app.command(
    epilog="Examples: hub dead replay orders --dry-run · hub dead replay --sequence 17 --edit · "
    "hub dead replay --all --kind attempts-exhausted"
)
def replay(  # noqa: PLR0913, PLR0917 - every option is a parameter
    name: Name = None,
    scope: Scope = "default",
    sequence: One = None,
    event_type: Type = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    dry_run: DryRun = False,
    edit: Annotated[bool, typer.Option("--edit", help="Change the data of the one letter in $EDITOR first.")] = False,
    set_data: Annotated[
        str | None, typer.Option("--set-data", help="File with the data to send instead; '-' is standard input.")
    ] = None,
    output: Output = "table",
) -> None:
    """Deliver dead letters again, each to its own Subscription only, and take them off the pile.

    What fails again becomes a dead letter again; it is not taken up a second time by the same call.
    """
    from hub.commands.session import call, refusals_as_exit

    with refusals_as_exit():
        request = _request(
            name, scope, sequence=sequence, type=event_type, kind=kind, since=since, until=until, all=everything
        )
        request |= {"dryRun": True} if dry_run else {}
        _check_edit(sequence, edit=edit, set_data=set_data)
        if edit or set_data is not None:
            from hub.commands.editing import edited

            request["edit"] = edited(request, set_data)
    _report(call(lambda session: act(session, "replay", request)), "replayed", output)


def _check_edit(sequence: int | None, *, edit: bool, set_data: str | None) -> None:
    if edit and set_data is not None:
        raise typer.BadParameter("--edit and --set-data exclude one another.")
    if (edit or set_data is not None) and sequence is None:
        raise typer.BadParameter("--edit and --set-data go with --sequence: one letter at a time.")


@app.command(
    epilog="Examples: hub dead drop orders --type order.created.v1 --dry-run · hub dead drop --sequence 17 --yes"
)
def drop(  # noqa: PLR0913, PLR0917 - every option is a parameter
    name: Name = None,
    scope: Scope = "default",
    sequence: One = None,
    event_type: Type = None,
    kind: Kind = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = "table",
) -> None:
    """Remove dead letters for good: those events are never delivered to their Subscription."""
    from hub.commands.session import call, refusals_as_exit

    if not (everything or any((sequence, event_type, kind, since, until))):
        raise typer.BadParameter("say which: --sequence, --type, --kind, --since, --until, or --all.")
    with refusals_as_exit():
        request = _request(
            name, scope, sequence=sequence, type=event_type, kind=kind, since=since, until=until, all=everything
        )
    rehearsed = call(lambda session: act(session, "drop", request | {"dryRun": True}))
    if not dry_run and rehearsed["would"] and not yes:
        _confirm(rehearsed)
    done = rehearsed if dry_run else call(lambda session: act(session, "drop", request | {"last": rehearsed["last"]}))
    _report(done, "dropped", output)


def _confirm(rehearsed: dict[str, Any]) -> None:
    from hub.commands.session import say_error

    if not sys.stdin.isatty():
        say_error(f"This would drop {rehearsed['would']} dead letters for good; repeat it with --yes, or --dry-run.")
        raise typer.Exit(1)
    typer.confirm(f"Drop {rehearsed['would']} dead letters for good?", abort=True, err=True)


async def act(session: "Session", verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """Go through all pages; returns the sums, and up to which dead letter."""
    from hub.commands.moments import progress

    sums: dict[str, Any] = {}
    first = await session.ask("dead", "list", request | {"limit": 1})
    last = first["last"] or None
    request = request | {"last": last}
    with progress(verb, first["total"]) as advance:
        while True:
            answer = await session.ask("dead", verb, request | {"limit": PAGE}, timeout_seconds=120)
            _add(sums, answer)
            advance(PAGE)
            if "next" not in answer:
                return sums | {"last": last}
            request = request | {"cursor": answer["next"]}


def _add(sums: dict[str, Any], answer: dict[str, Any]) -> None:
    for key in ("replayed", "dropped", "would"):
        if key in answer:
            sums[key] = sums.get(key, 0) + answer[key]
    for whose, count in answer.get("skipped", {}).items():
        skipped = sums.setdefault("skipped", {})
        skipped[whose] = skipped.get(whose, 0) + count
    if "groups" in answer:
        sums["groups"] = merged([*sums.get("groups", []), *answer["groups"]])


def merged(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return groups of several pages, those alike summed up."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in groups:
        key = tuple(value for name, value in group.items() if name != "count")
        found[key] = group | {"count": group["count"] + found.get(key, {"count": 0})["count"]}
    return list(found.values())


def _report(done: dict[str, Any], verb: str, output: str) -> None:
    from hub.commands.session import say, say_error, say_json

    told = {key: value for key, value in done.items() if key != "last"}
    if output == "json":
        say_json(told)
    elif "would" in told:
        say(f"{told['would']} dead letters would be {verb}.")
        for group in told["groups"]:
            say(f"  {group['count']:>7}  {group['scope']}/{group['subscription']}  {group['type']}  {group['kind']}")
    else:
        say(f"{verb} {told[verb]}")
    for whose, count in told.get("skipped", {}).items():
        say_error(f"{count} left alone: {whose} is no Subscription now; apply it again, then replay.")
