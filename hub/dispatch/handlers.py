"""Dead letters on request: shown, delivered again, dropped. Knows the stream of dead letters."""

from typing import Any
from urllib.parse import unquote

from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError
from nats.js.errors import NotFoundError as NotStored

from contracts import subjects
from hub.kernel.broker import Bus
from hub.kernel.errors import BrokerUnavailable, InvalidField, NotFound
from hub.kernel.resource import DEFAULT_SCOPE

_MOST = 1000


class DeadLetters:
    """The dead letters of Subscriptions."""

    def __init__(self, bus: Bus) -> None:
        """Share the data plane's connection."""
        self._bus = bus

    async def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the dead letters of one Subscription, oldest first."""
        found = [letter async for letter in self._read(request)]
        return {"items": [shown(letter) for letter in found]}

    async def replay(self, request: dict[str, Any]) -> dict[str, Any]:
        """Deliver dead letters again, to their Subscription only, and take them off the pile."""
        scope, name = _asked(request)
        count = 0
        async for letter in self._read(request):
            headers = {key: value for key, value in (letter.headers or {}).items() if not key.startswith("Hub-")}
            headers["Nats-Msg-Id"] = f"replay/{letter.seq}"
            await self._bus.publish(subjects.replay(scope, name), letter.data or b"", headers)
            await self._remove(letter)
            count += 1
        return {"replayed": count}

    async def drop(self, request: dict[str, Any]) -> dict[str, Any]:
        """Remove dead letters for good."""
        count = 0
        async for letter in self._read(request):
            await self._remove(letter)
            count += 1
        return {"dropped": count}

    async def _remove(self, letter: RawStreamMsg) -> None:
        try:
            await self._bus.js.delete_msg(subjects.DEAD, letter.seq or 0)
        except NotStored:
            return
        except (APIError, NatsError, TimeoutError) as error:
            raise BrokerUnavailable from error

    async def _read(self, request: dict[str, Any]) -> Any:
        scope, name = _asked(request)
        wanted = request.get("sequence")
        sequence = 1
        for _ in range(_MOST):
            try:
                letter = await self._bus.js.get_msg(
                    subjects.DEAD, seq=sequence, subject=subjects.dead(scope, name), next=True
                )
            except NotStored:
                return
            except (APIError, NatsError, TimeoutError) as error:
                raise BrokerUnavailable from error
            sequence = (letter.seq or 0) + 1
            if wanted is None or letter.seq == wanted:
                yield letter


def _asked(request: dict[str, Any]) -> tuple[str, str]:
    name = request.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidField("name must be that of a Subscription.", field="name")
    if request.get("sequence") is not None and not isinstance(request["sequence"], int):
        raise InvalidField("sequence must be a number.", field="sequence")
    if not isinstance(request.get("scope", ""), str):
        raise NotFound("There is no such scope.")
    return request.get("scope") or DEFAULT_SCOPE, name


def shown(letter: RawStreamMsg) -> dict[str, Any]:
    """Return what is told about a dead letter; its data is not."""
    headers = letter.headers or {}
    named = {"id": "ce-id", "source": "ce-source", "type": "ce-type"}
    told = {key: unquote(headers.get(header, "")) for key, header in named.items()}
    kept = {key: headers.get(f"Hub-{key.capitalize()}", "") for key in ("reason", "kind", "attempts", "status")}
    return {"sequence": letter.seq, **told, **kept, "response": headers.get("Hub-Response", "")}
