"""Posts CloudEvents to a hub over its public HTTP, one after the other, and reads the receipts."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from hub.kernel.errors import InvalidInput, NotFound, UpstreamUnavailable

if TYPE_CHECKING:
    import httpx

_MEDIA = {"content-type": "application/cloudevents+json; charset=utf-8"}
_LATER = frozenset({429, 503})
_TRIES = 4
_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where events are posted, and as whom."""

    url: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator["httpx.AsyncClient"]:
        """Return a client that presents the certificate, if there is one.

        Raises:
            InvalidInput: its files cannot be read.
        """
        import httpx

        from hub.kernel.http.client import trust

        try:
            context = trust(self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput(f"The connection's files cannot be read ({error}); repeat `hub connect`.") from error
        async with httpx.AsyncClient(verify=context, timeout=30, trust_env=False) as client:
            yield client


def paired_target(directory: Path) -> Target:
    """Return the edge that `hub connect` paired with, from the files it wrote.

    Raises:
        InvalidInput: the directory holds no connection.
    """
    try:
        endpoints = orjson.loads((directory / "endpoints.json").read_bytes())
        url = str(endpoints["eventsUrl"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{directory} holds no connection; make one with `hub connect URL --dir …`.") from error
    root = url.removesuffix("/v1/events")
    return Target(f"{root}/events", directory / "ca.pem", directory / "certificate.pem", directory / "key.pem")


def internal_target(data_dir: Path, address: str | None, application: str | None) -> Target:
    """Return the internal listener: the one named, or that of the hub that runs on the data directory.

    Raises:
        NotFound: none runs there.
    """
    from hub.up.statefile import read_running

    if address is None:
        document: Any = read_running(data_dir.expanduser().resolve()) or {}
        address = document.get("listeners", {}).get("internal")
    if not address:
        raise NotFound(f"No hub runs on {data_dir}; start one with `hub up`, name its --url, or use --connection.")
    path = f"{quote(application, safe='')}/events" if application else "publish"
    return Target(f"{address.rstrip('/')}/{path}")


async def post_all(target: Target, events: Sequence[dict[str, Any]], parallel: int) -> AsyncIterator[dict[str, Any]]:
    """Post events and give what became of each, in their order.

    Args:
        target: where to.
        events: CloudEvents as JSON.
        parallel: how many at once; with 1 they are stored in their order.

    Raises:
        UpstreamUnavailable: the hub does not answer; what was given before is stored.
    """
    async with target.client() as client:
        for begin in range(0, len(events), parallel):
            some = events[begin : begin + parallel]
            for told in await asyncio.gather(*(_post(client, target.url, event) for event in some)):
                yield told


async def _post(client: "httpx.AsyncClient", url: str, event: dict[str, Any]) -> dict[str, Any]:
    """Post one event; one that must wait is repeated, which is safe: the hub knows its id again."""
    import httpx

    for attempt in range(_TRIES):
        try:
            answer = await client.post(url, headers=_MEDIA, content=orjson.dumps(event))
        except httpx.HTTPError as error:
            raise UpstreamUnavailable(f"{url} does not answer ({error}); is the hub up?") from error
        if answer.status_code not in _LATER or attempt == _TRIES - 1:
            break
        await asyncio.sleep(_pause(answer.headers.get("retry-after", "")))
    return told_of(event, answer)


def _pause(text: str) -> float:
    return min(float(text), _LONGEST_PAUSE_SECONDS) if text.isascii() and text.isdigit() else 1.0


def told_of(event: dict[str, Any], answer: "httpx.Response") -> dict[str, Any]:
    """Return what became of an event: its receipt, or why it was refused."""
    named = {name: str(event.get(name, "")) for name in ("id", "type")} | {"status": answer.status_code}
    if not answer.is_success:
        return named | {"stored": False, "reason": _reason(answer)}
    sequence = answer.headers.get("hub-sequence", "")
    return named | {
        "stored": True,
        "stream": answer.headers.get("hub-stream", ""),
        "sequence": int(sequence) if sequence.isdigit() else None,
        "duplicate": answer.headers.get("hub-duplicate", "") == "true",
        "durability": answer.headers.get("hub-durability", ""),
        **({"contract": answer.headers["hub-contract"]} if "hub-contract" in answer.headers else {}),
    }


def _reason(answer: "httpx.Response") -> str:
    """Return the reason of a refusal, whichever of the surfaces wrote it."""
    try:
        document = answer.json()
        told = document.get("detail") or document.get("error") or document.get("message")
    except (ValueError, AttributeError):
        told = answer.text
    return " ".join(str(told or answer.reason_phrase).split())[:500]
