"""What one benchmark is asked to do, checked before anything is started. Pure."""

from dataclasses import dataclass, replace

from hub.kernel.errors import InvalidInput

SCENARIOS = ("ingress", "delivery", "functions", "e2e", "connector", "registry", "gateway")
PEERS = {"ingress": ("bare", "mq-bridge"), "delivery": ("mq-bridge",), "gateway": ("caddy",)}
"""Other programs that do the work of a scenario."""
E2E_RATE = 500.0
APPLICATIONS = 1000


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
    applications: int = APPLICATIONS
    """How many Applications get their Services (registry)."""

    def checked(self) -> "Options":
        """Return the options with the scenario's defaults.

        Raises:
            InvalidInput: an option that this scenario does not have.
        """
        self._need_peer_of_scenario()
        if self.scenario != "ingress":
            self._refuse_options_of_ingress()
        elif self.peer and (self.batch != 1 or self.listener != "internal"):
            raise InvalidInput("--peer compares single events over plain HTTP; leave out --batch and --listener.")
        if self.scenario != "connector" and self.authority != "ecdsa-p256":
            raise InvalidInput(f"--authority belongs to `hub bench connector`; leave it out of '{self.scenario}'.")
        if self.others and self.peer == "caddy":
            raise InvalidInput("--peer compares calls of one API; leave out --others.")
        if self.others and self.scenario not in {"ingress", "delivery", "gateway"}:
            raise InvalidInput(f"--others belongs to ingress, delivery and gateway; leave it out of '{self.scenario}'.")
        if self.dead and self.scenario != "delivery":
            raise InvalidInput(f"--dead belongs to `hub bench delivery`; leave it out of '{self.scenario}'.")
        if self.scenario != "registry" and self.applications != APPLICATIONS:
            raise InvalidInput(f"--applications belongs to `hub bench registry`; leave it out of '{self.scenario}'.")
        if self.scenario == "registry" and self.rate is not None:
            raise InvalidInput("`hub bench registry` registers as fast as it is answered; leave out --rate.")
        if self.scenario == "e2e" and self.rate is None:
            return replace(self, rate=E2E_RATE)
        return self

    def _refuse_options_of_ingress(self) -> None:
        given = {"--batch": self.batch != 1 and self.scenario != "delivery", "--listener": self.listener != "internal"}
        for option in [name for name, present in given.items() if present]:
            raise InvalidInput(f"{option} belongs to `hub bench ingress`; leave it out of '{self.scenario}'.")

    def _need_peer_of_scenario(self) -> None:
        known = PEERS.get(self.scenario, ())
        if self.peer and self.peer not in known:
            there_are = f"it has {', '.join(known)}" if known else "it has none"
            raise InvalidInput(f"`hub bench {self.scenario}` has no peer '{self.peer}'; {there_are}.")
        if self.peer and self.scenario == "delivery" and (self.rate or self.others or self.dead):
            raise InvalidInput("--peer compares how a backlog is delivered; leave out --rate, --others and --dead.")
