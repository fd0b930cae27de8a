"""The HTTP protocol of the gateway: a request that comes whole at once is offered to the short way first."""

from typing import Any

from hub.gateway.shortway import ShortWay
from hub.kernel.http import protocol


def protocol_of(short: ShortWay) -> type[protocol.Protocol]:
    """Return the protocol of a listener."""
    return type("GatewayProtocol", (Protocol,), {"short": short})


class Protocol(protocol.Protocol):
    """One connection of a caller."""

    short: ShortWay
    """Set in a class of its own for each listener."""
    _is_reading = False
    _held: Any = None
    """The request whose head has come and whose end may come with it."""

    def data_received(self, data: bytes) -> None:
        """Take bytes; a request whose end has not come with its head goes on to the application."""
        self._is_reading = True
        super().data_received(data)
        self._is_reading = False
        if self._held is not None:
            held, self._held = self._held, None
            self.start(held, self.app)

    def start(self, cycle: Any, app: Any) -> None:
        """Have a request answered by an ASGI application."""
        super()._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Offer a request to the short way as soon as it is whole; what is not soon is not held up."""
        if app is not self.app or (cycle.more_body and not self._is_reading):
            self.start(cycle, app)
        elif cycle.more_body:
            self._held = cycle
        elif not self.short.take(self, cycle):
            self.start(cycle, app)

    def _door(self) -> None:
        """Look for no door: there are none here."""

    def on_message_complete(self) -> None:
        """Offer the request that is whole now."""
        super().on_message_complete()
        held, self._held = self._held, None
        if held is not None:
            self._start_asgi_task(held, self.app)
