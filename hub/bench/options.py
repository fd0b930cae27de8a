"""What one benchmark is asked to do, checked before anything is started. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from hub.kernel.errors import InvalidInput

SCENARIOS = {
    "ingress": "events acknowledged as stored",
    "delivery": "stored events brought to an HTTP sink",
    "functions": "stored events brought to a Function, or calls of one; then cold start, change, memory",
    "e2e": "from the moment a post was due to the start of the Function's handler",
    "gateway": "calls of an API with credentials added, beside the same calls made directly",
    "registry": "five Services of each of many Applications, the list of them, and a start with them",
    "compass": "Applications taken over from a Compass, a look without a change, and one change among them",
    "scale": "what an event costs beside 1,000 Applications and Subscriptions, 10,000 event types, 200 Functions",
    "connector": "certificates issued to a paired solution, which renews again and again",
}
"""What each one measures."""
ALONE = "alone"
"""The peer that is the hub itself, without what the options put beside it."""
PEERS = {
    "ingress": ("bare", "mq-bridge", ALONE),
    "delivery": ("mq-bridge", ALONE),
    "functions": ("functions-framework",),
    "gateway": ("caddy", ALONE),
}
"""Other programs that do the work of a scenario."""
_BESIDE: dict[str, Any] = {"others": 0, "dead": 0, "slow": 0, "batch": 1}
"""What a hub alone is without."""
_LOADED = tuple(name for name in SCENARIOS if name != "compass")
OWNERS = {
    "seconds": _LOADED,
    "rate": ("ingress", "delivery", "functions", "e2e", "gateway", "connector", "scale"),
    "connections": _LOADED,
    "size": _LOADED,
    "warm_up": _LOADED,
    "batch": ("ingress", "delivery"),
    "listener": ("ingress",),
    "peer": tuple(PEERS),
    "authority": ("connector",),
    "others": ("ingress", "delivery", "gateway"),
    "dead": ("delivery",),
    "slow": ("delivery",),
    "applications": ("registry", "compass", "scale"),
    "by": ("functions",),
    "runtime": ("functions",),
    "functions": ("functions",),
}
"""Options that not every scenario has, and the scenarios that have them."""
RATES = {"e2e": 500.0, "scale": 1000.0}
"""Scenarios that keep a schedule in any case, and theirs by default."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `hub bench`; those that the scenario does not have are left as they are here."""

    scenario: str
    seconds: float = 10.0
    rate: float | None = None
    """Events per second, sent on schedule whatever the answers take; None: as fast as they are answered."""
    connections: int = 64
    size: int = 1024
    """Bytes of the data of one event."""
    batch: int = 1
    """Events in one request: of ingress, or at most of delivery."""
    warm_up: float = 2.0
    repeat: int = 1
    listener: str = "internal"
    sync: str = "2m"
    peer: str | None = None
    authority: str = "ecdsa-p256"
    """Key of the hub's certificate authority."""
    others: int = 0
    """Subscriptions to other event types, of other Applications, that exist meanwhile; further Applications with five
    APIs each (gateway)."""
    dead: int = 0
    """Further Subscriptions to the same events, whose sinks take no connection."""
    slow: int = 0
    """Further Subscriptions to the same events, whose sinks answer after some seconds."""
    applications: int = 1000
    """How many Applications get their Services (registry, scale), or are at the Director (compass)."""
    by: str = "event"
    """How the Function is called: `event`, by its Subscription, or `http`."""
    runtime: str = "python"
    """What runs the Function: `python` or `node`."""
    functions: int = 0
    """How many Functions are deployed beside, first at rest and then running, for what that takes; 0: none."""

    def checked(self) -> "Options":
        """Return the options with the scenario's defaults.

        Raises:
            InvalidInput: options that do not go together.
        """
        self._need_likeness_to_peer()
        return replace(self, rate=self.rate or RATES.get(self.scenario))

    def alone(self) -> "Options":
        """Return the options of one run without what is put beside, and of single events."""
        return replace(self, peer=None, repeat=1, **_BESIDE)

    def _need_likeness_to_peer(self) -> None:
        """Refuse what the peer does not do, for then there is nothing to compare."""
        if self.peer is None:
            return
        if self.peer == ALONE:
            if all(getattr(self, name) == value for name, value in _BESIDE.items()):
                words = ", ".join(f"--{name}" for name in _BESIDE if self.scenario in OWNERS[name])
                raise InvalidInput(f"--peer {ALONE} compares with the same hub without one of {words}; add one.")
            return
        is_alike, what = {
            "ingress": (
                self.batch == 1 and self.listener == "internal",
                "single events over plain HTTP; leave out --batch and --listener",
            ),
            "delivery": (
                not (self.rate or self.others or self.dead or self.slow),
                "how a backlog is delivered; leave out --rate, --others, --dead and --slow",
            ),
            "functions": (
                self.by == "http" and self.runtime == "python" and not self.rate,
                "calls of a Python handler as fast as answered; add --by http, leave out --runtime and --rate",
            ),
            "gateway": (not self.others, "calls of one API; leave out --others"),
        }[self.scenario]
        if not is_alike:
            raise InvalidInput(f"--peer compares {what}.")
