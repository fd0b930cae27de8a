"""`hub secrets rotate`: exchanges the master key that seals everything secret at rest.

The order makes it safe to break off at any point: the new key stands beside the old one, then every value is sealed
anew by the room that keeps it, then the old key goes. Until the last step each value opens, by one key or the other,
and repeating the command goes on with the same new key.
"""

import asyncio
import contextlib
import fcntl
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session
    from hub.kernel.masterkeys import KeyFile

app = typer.Typer(no_args_is_help=True, help="What is kept sealed, and the master key that seals it.")

SEALED = ("secrets", "authorities")
"""Buckets with sealed values; the room that writes one seals it anew."""


@app.callback()
def group() -> None:
    """Keep `rotate` a command below the noun, though it is the only one."""


@app.command(epilog="Example: hub secrets rotate")
def rotate(
    settle_seconds: Annotated[
        float,
        typer.Option(help="Pause before the second look: longer than a worker's slowest write.", min=0),
    ] = 6.0,
    output: Annotated[str, typer.Option("--output", "-o", help="text, or json for programs.")] = "text",
) -> None:
    """Exchange the master key: every sealed value is sealed anew, then the old key is dropped.

    May be broken off at any time and repeated. With the key in HUB_KEYS__MASTER or HUB_KEYS__COMMAND, put the new key
    before the old one ('NEW,OLD', or two lines), restart the hub, then run this, then remove the old key.
    """
    from hub.commands.session import call, say, say_json

    count, following = call(lambda session: exchange(session, settle_seconds))
    if output == "json":
        say_json({"resealed": count, "following": following})
    else:
        say(f"{count} values sealed anew. {following}")


async def exchange(session: "Session", settle_seconds: float) -> tuple[int, str]:
    """Exchange the master key; returns how many values were sealed anew, and what is left to do.

    Raises:
        Misconfigured: no new key is configured, or a worker does not have it yet.
        RevisionConflict: another exchange is under way.
    """
    from hub.kernel import masterkeys
    from hub.kernel.errors import Misconfigured

    settings = session.settings.keys
    fixed = masterkeys.configured(settings)
    if fixed is None:
        file = masterkeys.KeyFile(masterkeys.path_of(settings, session.settings.data_dir))
        with _alone(file.path):
            return await _exchange_file(session, file, settle_seconds), "The old master key is gone."
    if len(fixed) < 2:
        raise Misconfigured(
            "One master key is configured; put the new key before it ('NEW,OLD', or two lines of the command's output),"
            " restart the hub, then repeat."
        )
    count = await reseal_all(session, fixed[0], settle_seconds)
    return count, "Remove the old master key from the setting and restart the hub."


async def _exchange_file(session: "Session", file: "KeyFile", settle_seconds: float) -> int:
    keys = file.read()
    if len(keys) == 1:  # more than one: an exchange was broken off, and goes on with the key it began with
        keys = [secrets.token_bytes(len(keys[0])), *keys]
        file.write(keys)
    count = await reseal_all(session, keys[0], settle_seconds)
    file.write(keys[:1])
    return count


async def reseal_all(session: "Session", master: bytes, settle_seconds: float) -> int:
    """Seal everything anew until a look finds nothing left, the last one after every write begun before has ended."""
    from hub.kernel.keys import fingerprint_of

    key, began = fingerprint_of(master), time.monotonic()
    count = found = await _reseal_once(session, key)
    while found or time.monotonic() < began + settle_seconds:
        await asyncio.sleep(max(0.0, began + settle_seconds - time.monotonic()))
        found = await _reseal_once(session, key)
        count += found
    return count


async def _reseal_once(session: "Session", key: str) -> int:
    count = 0
    for bucket in SEALED:
        after: str | None = ""
        while after is not None:
            answer = await session.ask(bucket, "reseal", {"key": key, "after": after})
            count, after = count + int(answer["resealed"]), answer["after"]
    return count


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    from hub.kernel.errors import RevisionConflict

    with path.with_name(f".{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RevisionConflict("Another exchange of the master key is under way; wait for its end.") from error
        yield
