"""What one benchmark is asked to do, checked before anything is started. Pure."""

from dataclasses import dataclass, replace

from hub.kernel.errors import InvalidInput

SCENARIOS = {
    "ingress": "events acknowledged as stored",
    "delivery": "stored events brought to an HTTP sink",
    "functions": "stored events brought to a Function, or calls of one; then cold start, change, memory",
    "e2e": "from the moment a post was due to the start of the Function's handler",
    "gateway": "calls of an API with credentials added, beside the same calls made directly",
    "registry": "five Services of each of many Applications, the list of them, and a start with them",
    "connector": "certificates issued to a paired solution, which renews again and again",
}
"""What each one measures."""
PEERS = {
    "ingress": ("bare", "mq-bridge"),
    "delivery": ("mq-bridge",),
    "functions": ("functions-framework",),
    "gateway": ("caddy",),
}
"""Other programs that do the work of a scenario."""
OWNERS = {
    "rate": ("ingress", "delivery", "functions", "e2e", "gateway", "connector"),
    "batch": ("ingress", "delivery"),
    "listener": ("ingress",),
    "peer": tuple(PEERS),
    "authority": ("connector",),
    "others": ("ingress", "delivery", "gateway"),
    "dead": ("delivery",),
    "slow": ("delivery",),
    "applications": ("registry",),
    "by": ("functions",),
    "runtime": ("functions",),
    "functions": ("functions",),
}
"""Options that not every scenario has, and the scenarios that have them."""
E2E_RATE = 500.0


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
    """How many Applications get their Services (registry)."""
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
        if self.scenario == "e2e" and self.rate is None:
            return replace(self, rate=E2E_RATE)
        return self

    def _need_likeness_to_peer(self) -> None:
        """Refuse what the peer does not do, for then there is nothing to compare."""
        if self.peer is None:
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
