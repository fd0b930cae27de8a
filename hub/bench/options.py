"""What one benchmark is asked to do, checked before anything is started. Pure."""

from dataclasses import dataclass, fields, replace

from hub.kernel.errors import InvalidInput

SCENARIOS = ("ingress", "delivery", "functions", "e2e", "connector", "registry", "gateway")
PEERS = {
    "ingress": ("bare", "mq-bridge"),
    "delivery": ("mq-bridge",),
    "functions": ("functions-framework",),
    "gateway": ("caddy",),
}
"""Other programs that do the work of a scenario."""
OWNERS = {
    "batch": ("ingress", "delivery"),
    "listener": ("ingress",),
    "authority": ("connector",),
    "others": ("ingress", "delivery", "gateway"),
    "dead": ("delivery",),
    "applications": ("registry",),
    "by": ("functions",),
    "runtime": ("functions",),
    "functions": ("functions",),
}
"""Options that not every scenario has, and the scenarios that have them."""
E2E_RATE = 500.0


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `hub bench`."""

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
            InvalidInput: an option that this scenario does not have.
        """
        self._refuse_options_of_others()
        self._need_peer_of_scenario()
        self._need_likeness_to_peer()
        if self.scenario == "registry" and self.rate is not None:
            raise InvalidInput("`hub bench registry` registers as fast as it is answered; leave out --rate.")
        if self.scenario == "e2e" and self.rate is None:
            return replace(self, rate=E2E_RATE)
        return self

    def _refuse_options_of_others(self) -> None:
        for option in fields(self):
            owners = OWNERS.get(option.name, (self.scenario,))
            if self.scenario not in owners and getattr(self, option.name) != option.default:
                whose = ", ".join(f"`hub bench {owner}`" for owner in owners)
                raise InvalidInput(f"--{option.name} belongs to {whose}; leave it out of '{self.scenario}'.")

    def _need_peer_of_scenario(self) -> None:
        known = PEERS.get(self.scenario, ())
        if self.peer and self.peer not in known:
            there_are = f"it has {', '.join(known)}" if known else "it has none"
            raise InvalidInput(f"`hub bench {self.scenario}` has no peer '{self.peer}'; {there_are}.")

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
                not (self.rate or self.others or self.dead),
                "how a backlog is delivered; leave out --rate, --others and --dead",
            ),
            "functions": (
                self.by == "http" and self.runtime == "python" and not self.rate,
                "calls of a Python handler as fast as answered; add --by http, leave out --runtime and --rate",
            ),
            "gateway": (not self.others, "calls of one API; leave out --others"),
        }[self.scenario]
        if not is_alike:
            raise InvalidInput(f"--peer compares {what}.")
