"""Posts events to an HTTP address as binary CloudEvents; only a 2xx is a success, redirects are not followed."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from hub.dispatch.binding import sink_headers
from hub.dispatch.model import Answer, Delivery, Sink
from hub.kernel.clock import Clock
from hub.kernel.errors import UpstreamUnavailable
from hub.kernel.http.client import Outbound

_OBEYED = frozenset({429, 503})
_EXCERPT = 1000
_LONGEST_PAUSE_SECONDS = 3600.0


class HttpSink:
    """Sends to HTTP addresses."""

    def __init__(self, outbound: Outbound, clock: Clock) -> None:
        """Share the process's connections."""
        self._outbound = outbound
        self._clock = clock

    async def send(self, sink: Sink, delivery: Delivery, timeout_seconds: float) -> Answer:
        """Post one event; no answer is an Answer too, nothing is raised."""
        headers = sink_headers(delivery)
        try:
            reply = await self._outbound.post(sink.url, headers, delivery.body, timeout_seconds=timeout_seconds)
        except UpstreamUnavailable as error:
            return Answer(None, error=error.detail)
        if 200 <= reply.status < 300:
            return Answer(reply.status)
        pause = self._pause(reply.headers.get("retry-after", "")) if reply.status in _OBEYED else 0.0
        text = reply.excerpt[:_EXCERPT].decode(errors="replace")
        return Answer(reply.status, retry_after_seconds=pause, excerpt=text)

    def _pause(self, text: str) -> float:
        """Return the seconds that a `Retry-After` asks for: a number or an HTTP date; 0 for what is neither."""
        if text.isascii() and text.isdigit():
            return min(float(text[:12]), _LONGEST_PAUSE_SECONDS)
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return 0.0
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max(0.0, (aware - self._clock.now()).total_seconds()), _LONGEST_PAUSE_SECONDS)
