"""What every command shares: settings, a short connection with the hub, and errors as one line.

Commands speak with the hub over NATS, by the credentials in the data directory: whoever may read that directory is its
operator. Exit status: 0 done, 1 refused (one line, no traceback), 2 wrong usage or settings.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import typer

from hub.commands.escaping import visible
from hub.kernel.errors import HubError, Misconfigured, UpstreamUnavailable
from hub.kernel.logger import silence

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

    from hub.kernel.resource import Resource
    from hub.settings import HubSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """A connection with the hub, for the length of one command."""

    settings: "HubSettings"
    nc: "Client"
    js: "JetStreamContext"

    async def ask(self, plural: str, verb: str, request: dict[str, Any], timeout_seconds: float = 30) -> dict[str, Any]:
        """Ask the worker that owns a kind.

        Raises:
            HubError: the worker refused, with its own text, status and fields.
            UpstreamUnavailable: no worker answers.
        """
        from nats.errors import Error as NatsError
        from nats.errors import NoRespondersError

        from contracts import subjects

        subject = subjects.ask(plural, verb)
        try:
            reply = await self.nc.request(subject, orjson.dumps(request), timeout=timeout_seconds)
        except NoRespondersError as error:
            raise UpstreamUnavailable(
                f"No worker answers for {plural}; is the hub up? See `hub status`."
            ) from error
        except (NatsError, TimeoutError) as error:
            raise UpstreamUnavailable(f"The worker for {plural} did not answer in {timeout_seconds:g} s.") from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        status = (reply.headers or {}).get("Hub-Status", "200")
        if status != "200":
            raise refusal_of(answer)
        return answer

    async def resources(self, plural: str) -> list["Resource"]:
        """Return all resources of a kind, sorted by scope and name."""
        from hub.kernel.resource import RESOURCES
        from hub.kernel.state import View

        view = View(self.js, plural, RESOURCES)
        view.start()
        try:
            await asyncio.wait_for(view.ready(), 10)
            return sorted((resource for _, resource in view.items()), key=lambda found: (found.scope, found.name))
        except TimeoutError as error:
            raise UpstreamUnavailable(f"The bucket '{plural}' does not answer; is the hub up?") from error
        finally:
            await view.stop()


def refusal_of(answer: dict[str, Any]) -> HubError:
    """Return the error that a worker answered with, as the same class where there is one."""
    kind = str(answer.get("type", "")).removeprefix("urn:hub:")
    known = {found.kind: found for found in _family(HubError)}
    fields = {key: value for key, value in answer.items() if key not in {"type", "title", "status", "detail"}}
    return known.get(kind, HubError)(str(answer.get("detail", "refused")), **fields)


def _family(root: type[HubError]) -> Iterator[type[HubError]]:
    yield root
    for child in root.__subclasses__():
        yield from _family(child)


def call(action: Callable[[Session], Awaitable[T]]) -> T:
    """Run a command's action within a session; a refusal is one line and exit status 1."""
    with refusals_as_exit():
        return asyncio.run(_in_session(action))


async def _in_session(action: Callable[[Session], Awaitable[T]]) -> T:
    async with connected("hub command") as session:
        return await action(session)


@contextlib.asynccontextmanager
async def connected(name: str) -> AsyncIterator[Session]:
    """Connect with the hub as its operator does, under a name that nats-server shows."""
    from hub import settings

    tree = settings.load()
    quiet_logs()
    client = await reach(tree, name)
    try:
        yield Session(tree, client, client.jetstream())
    finally:
        await client.close()


async def reach(settings: "HubSettings", name: str = "hub command") -> "Client":
    """Connect with the event store for the length of a command; one that is away is waited for a few seconds.

    Raises:
        BrokerUnavailable: it does not answer.
        Misconfigured: neither is one configured nor does a hub run.
    """
    from hub.cluster.access import access_of
    from hub.kernel.broker import connect, servers_of

    return await connect(servers_of(settings.nats, settings.data_dir), name, **access_of(settings.nats))


def quiet_logs() -> None:
    """Keep log lines off the terminal of a command: it speaks for itself."""
    import logging

    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    silence()


@contextlib.contextmanager
def refusals_as_exit(settings_exit: int = 2) -> Iterator[None]:
    """Turn a refusal into one line on standard error and the exit status that programs rely on."""
    try:
        yield
    except Misconfigured as error:
        say_error(error.detail)
        raise typer.Exit(settings_exit) from error
    except HubError as error:
        say_error(error.detail)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(130) from error


def say_error(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"hub: {visible(' '.join(text.split()))}\n")


def say(text: str) -> None:
    """Write text to standard output; what a terminal would obey in it is shown instead."""
    sys.stdout.write(visible(text) + "\n")


def say_json(value: Any) -> None:
    """Write a value as indented JSON to standard output."""
    say(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())
