"""Posts what a handler emits to the hub's publisher, continuing the trace of the invocation.

Upstream ignores the publisher's answer, so an event can be lost in silence; here an answer other than 2xx raises, the
invocation fails, and the event that caused it is tried again. Runs inside the Function's process: standard library
only, the HTTP client imported at the first use.
"""

import json
import threading
from typing import Any

from hub.functions.runtime import tracing
from hub.functions.runtime.output import Invocation

_TIMEOUT_SECONDS = 30.0
_CONTENT_TYPE = "application/cloudevents+json"


class PublishError(RuntimeError):
    """The publisher did not accept an event; the text holds its status and the beginning of its answer."""


class PublisherAnswer:
    """The publisher's answer, as `publishCloudEvent` returns it."""

    def __init__(self, status: int, body: bytes) -> None:
        """Keep status and body."""
        self.status_code = status
        self.content = body
        self.ok = 200 <= status < 300

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.content.decode(errors="replace")


class Publisher:
    """Posts events to `PUBLISHER_PROXY_ADDRESS`, over one kept connection per thread."""

    def __init__(self, address: str, invocation: Invocation) -> None:
        """Create the publisher; nothing is connected before the first event."""
        self._address = address
        self._invocation = invocation
        self._kept = threading.local()

    def publish(self, event: dict[str, Any]) -> PublisherAnswer:
        """Post one structured event.

        Raises:
            PublishError: the answer is not 2xx, or there is none.
        """
        body = json.dumps(event).encode()
        try:
            answer = self._post(body)
        except OSError:
            answer = self._again(body)
        if not answer.ok:
            raise PublishError(f"the publisher answered {answer.status_code}: {answer.text[:300]}")
        return answer

    def _again(self, body: bytes) -> PublisherAnswer:
        # A kept connection may have been closed meanwhile; the event's id makes a second post harmless.
        self._kept.connection = None
        try:
            return self._post(body)
        except OSError as error:
            self._kept.connection = None
            raise PublishError(f"the publisher at {self._address} does not answer: {error}") from error

    def _post(self, body: bytes) -> PublisherAnswer:
        from http.client import HTTPException  # only functions that publish pay for the import
        from urllib.parse import urlsplit

        connection = getattr(self._kept, "connection", None) or self._connect()
        path = urlsplit(self._address).path or "/"
        try:
            connection.request("POST", path, body, {"Content-Type": _CONTENT_TYPE})
            response = connection.getresponse()
            return PublisherAnswer(response.status, response.read())
        except HTTPException as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    def _connect(self) -> Any:
        from http.client import HTTPConnection, HTTPSConnection
        from urllib.parse import urlsplit

        tracing.install(self._invocation)
        address = urlsplit(self._address)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._kept.connection = kind(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
        return self._kept.connection
