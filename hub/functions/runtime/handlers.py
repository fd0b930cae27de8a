"""How a handler is called, by the style of its runtime. Runs inside the Function's process: standard library only.

`event`: `main(event, context)`, Kyma's Python runtimes up to 3.12. `request`: `main()` of the newer ones, which takes
the request from Flask and returns what Flask accepts.
"""

import types
from collections.abc import Callable
from typing import Any

from hub.functions.runtime import answers, event
from hub.functions.runtime.offered import Offer
from hub.functions.runtime.request import Request

Style = Callable[[Any, Request, Offer], answers.Answer]


def with_event(main: Any, request: Request, offer: Offer) -> answers.Answer:
    """Call `main(event, context)`.

    Raises:
        InvalidEventError: the request claims to be an event and is none.
    """
    fields = event.event_fields(request)
    offer.invocation.event = fields.get("ce-id", "")  # of a structured event only now known
    argument = event.Event(fields, offer.publish)
    return answers.answer_of(_awaited(main(argument, dict(offer.context))))


def with_request(main: Any, request: Request, offer: Offer) -> answers.Answer:
    """Call `main()`; the request is at hand as `flask.request`. Nothing returned is an error there, as in Flask."""
    with offer.serving(request) as flask:
        returned = _awaited(main())
        if returned is None:
            raise TypeError("the handler returned nothing; return an answer, such as an empty text")
        if flask is not None:
            returned = flask.make_response(returned)
        return answers.answer_of(returned)


def _awaited(returned: Any) -> Any:
    if isinstance(returned, types.CoroutineType):
        import asyncio  # only functions written as coroutines pay for the import

        return asyncio.run(returned)
    return returned


STYLES: dict[str, Style] = {"event": with_event, "kubeless": with_event, "request": with_request}
ARGUMENTS = {"event": "event, context", "kubeless": "event, context", "request": ""}
