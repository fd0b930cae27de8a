"""Where is my event, over HTTP: the internal listener's door to what dispatch knows.

`/_hub/…` cannot collide with an Application: no name of one begins with an underscore. The answer is passed on as it
came, a refusal with its own status as problem details.
"""

from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from contracts import subjects
from hub.kernel import problem
from hub.kernel.errors import InvalidField, UpstreamUnavailable
from hub.kernel.http.app import route

_LIMIT_SECONDS = 60.0
_TEXTS = ("id", "source", "type", "subscription", "scope")
_NUMBERS = ("sequence", "before")


class Asking:
    """Questions about single events."""

    def __init__(self, client: Client) -> None:
        """Share the data plane's connection."""
        self._client = client

    def routes(self) -> list[BaseRoute]:
        """Return the route: `GET /_hub/events?id=…` or `?sequence=…`."""
        return [route("/_hub/events", self.show, ["GET"])]

    async def show(self, request: Request) -> Response:
        """Answer all about one event, or with `subscription` why that one got it or not.

        Raises:
            InvalidField: a parameter that there is not, or a number that is none.
            UpstreamUnavailable: nobody answers.
        """
        asked = read_question(dict(request.query_params))
        verb = "why" if "name" in asked else "show"
        try:
            reply = await self._client.request(
                subjects.ask("events", verb), orjson.dumps(asked), timeout=_LIMIT_SECONDS
            )
        except NoRespondersError as error:
            raise UpstreamUnavailable("No worker answers for events; is dispatch running?") from error
        except (NatsError, TimeoutError) as error:
            raise UpstreamUnavailable(f"The worker for events did not answer in {_LIMIT_SECONDS:g} s.") from error
        status = int((reply.headers or {}).get("Hub-Status", "200"))
        media = "application/json" if status == 200 else problem.MEDIA_TYPE
        return Response(reply.data, status_code=status, media_type=media)


def read_question(query: dict[str, str]) -> dict[str, Any]:
    """Return the request for dispatch that query parameters mean.

    Raises:
        InvalidField: a parameter that there is not, or a number that is none.
    """
    asked: dict[str, Any] = {}
    for name, value in query.items():
        if name in _NUMBERS and value.isascii() and value.isdigit():
            asked[name] = int(value)
        elif name in _TEXTS:
            asked["name" if name == "subscription" else name] = value
        else:
            known = ", ".join((*_TEXTS, *_NUMBERS))
            raise InvalidField(f"The parameter '{name[:40]}' is not known or no number; there are {known}.", field=name)
    return asked
