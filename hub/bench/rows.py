"""The table of the README: which runs make it, what is taken of each, and what is aimed at. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.bench.options import ALONE, Options

Document = Mapping[str, Any]
Path = tuple[str, ...]
RATE: Path = ("summary", "throughput", "median")
RATIO: Path = ("ratio", "median")
READY: Path = ("summary", "ready_seconds", "median")


def latency(name: str) -> Path:
    """Return the place of a percentile."""
    return ("summary", "latency_ms", name, "median")


def figure(name: str) -> Path:
    """Return the place of a further figure."""
    return ("summary", "figures", name, "median")


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `hub bench`."""

    name: str
    words: str
    """What stands behind `hub bench`."""
    options: Options


@dataclass(frozen=True, slots=True)
class Value:
    """One figure of one run, and the bound that is aimed at."""

    run: str
    place: Path
    unit: str = ""
    digits: int = 0
    least: float | None = None
    most: float | None = None

    def of(self, documents: Mapping[str, Document]) -> float | None:
        """Return the figure; None when it was not measured."""
        return _at(documents.get(self.run), self.place)

    def shown(self, documents: Mapping[str, Document]) -> str:
        """Return the figure with its unit."""
        found = self.of(documents)
        return "not measured" if found is None else self._text(found)

    @property
    def aim(self) -> str:
        """Return the bound with its unit; nothing where there is none."""
        if self.least is not None:
            return f"≥ {self._text(self.least)}"
        return f"≤ {self._text(self.most)}" if self.most is not None else ""

    def miss(self, documents: Mapping[str, Document]) -> str:
        """Say by how much the bound is missed; nothing when it is not, or cannot be told."""
        found = self.of(documents)
        if found is None or not self._is_missed(found):
            return ""
        return f"{self._text(found)} instead of {self.aim}"

    def _is_missed(self, found: float) -> bool:
        return (self.least is not None and found < self.least) or (self.most is not None and found > self.most)

    def _text(self, number: float) -> str:
        return f"{number:,.{self.digits}f}{self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it says, and of which figures."""

    what: str
    values: tuple[Value, ...]


def _run(name: str, words: str, scenario: str, **options: Any) -> Run:
    return Run(name, words, Options(scenario, **options))


def _turns(name: str, words: str, scenario: str, peer: str, **options: Any) -> Run:
    return _run(name, f"{words} --repeat 3 --peer {peer}", scenario, repeat=3, peer=peer, **options)


RUNS = (
    _turns("ingress", "ingress", "ingress", "mq-bridge"),
    _turns("ingress-batch", "ingress --batch 100", "ingress", ALONE, batch=100),
    _run("ingress-synced", "ingress --sync always", "ingress", sync="always"),
    _run("ingress-edge", "ingress --listener edge", "ingress", listener="edge"),
    _turns("ingress-others", "ingress --others 1000", "ingress", ALONE, others=1000),
    _run("e2e", "e2e", "e2e", rate=500.0),
    _turns("delivery", "delivery", "delivery", "mq-bridge"),
    _run("delivery-rate", "delivery --rate 1000", "delivery", rate=1000.0),
    _turns("delivery-batch", "delivery --batch 100", "delivery", "mq-bridge", batch=100),
    _turns("delivery-others", "delivery --others 1000", "delivery", ALONE, others=1000),
    _turns("delivery-dead", "delivery --dead 1", "delivery", ALONE, dead=1),
    _turns("delivery-slow", "delivery --slow 1", "delivery", ALONE, slow=1),
    _run("functions", "functions --functions 200", "functions", functions=200),
    _run("functions-node", "functions --runtime node", "functions", runtime="node"),
    _turns("functions-http", "functions --by http", "functions", "functions-framework", by="http"),
    _turns("gateway", "gateway", "gateway", "caddy"),
    _run("gateway-rate", "gateway --rate 500", "gateway", rate=500.0),
    _run("registry", "registry", "registry"),
    _run("connector", "connector", "connector"),
    _run("connector-rsa", "connector --authority rsa-4096", "connector", authority="rsa-4096"),
    _run("compass", "compass", "compass"),
    _run("scale", "scale", "scale", rate=1000.0),
)
_MEMORY: Path = ("summary", "idle_memory_mb", "total", "median")
_COLD, _CHANGED = figure("cold start until the first answer"), figure("changed source until it answers")
_RUNNING = figure("a running Function, resident")

ROWS = (
    Row("from `hub up` until all is ready", (Value("ingress", READY, " s", 1, most=2.5),)),
    Row("idle memory of all processes and nats-server", (Value("ingress", _MEMORY, " MB", most=450),)),
    Row("single events, acknowledged as stored", (Value("ingress", RATE, "/s", least=8000),)),
    Row("the same against mq-bridge (Rust)", (Value("ingress", RATIO, " of its rate", 2, least=1.0),)),
    Row("single events at the edge, mutual TLS", (Value("ingress-edge", RATE, "/s"),)),
    Row("batches of 100 events", (Value("ingress-batch", RATE, "/s"),)),
    Row(
        "the same against single events",
        (Value("ingress-batch", RATIO, " times", 1, least=6),),
    ),
    Row("single events, written to disk before each answer", (Value("ingress-synced", RATE, "/s"),)),
    Row(
        "post → start of the Function's handler, 500/s: p50, p99",
        (Value("e2e", latency("p50"), " ms", 1, most=3), Value("e2e", latency("p99"), " ms", 1, most=15)),
    ),
    Row(
        "post → received by an HTTP sink, 1,000/s: p50, p99",
        (
            Value("delivery-rate", latency("p50"), " ms", 1, most=3),
            Value("delivery-rate", latency("p99"), " ms", 1, most=15),
        ),
    ),
    Row("delivery to an HTTP sink, one request per event", (Value("delivery", RATE, "/s", least=10_000),)),
    Row("the same against mq-bridge", (Value("delivery", RATIO, " of its rate", 2, least=0.5),)),
    Row("delivery in batches of up to 100", (Value("delivery-batch", RATE, "/s"),)),
    Row(
        "the same against mq-bridge, one request per event",
        (Value("delivery-batch", RATIO, " of its rate", 2, least=2.0),),
    ),
    Row(
        "single events beside 1,000 Subscriptions to other types",
        (Value("ingress-others", RATIO, " of those without", 2, least=0.9),),
    ),
    Row(
        "delivery beside 1,000 Subscriptions to other types",
        (Value("delivery-others", RATIO, " of that without", 2, least=0.9),),
    ),
    Row(
        "delivery beside one to a dead sink, to one that takes 5 s",
        (
            Value("delivery-dead", RATIO, " of that without", 2, least=0.95),
            Value("delivery-slow", RATIO, " of that without", 2, least=0.95),
        ),
    ),
    Row(
        "triggers of a Function in Python, in Node",
        (Value("functions", RATE, "/s", least=10_000), Value("functions-node", RATE, "/s", least=6000)),
    ),
    Row("HTTP calls of a Function in Python", (Value("functions-http", RATE, "/s", least=5000),)),
    Row("the same against functions-framework", (Value("functions-http", RATIO, " times", 1, least=5),)),
    Row(
        "cold start, changed source, until the first answer",
        (Value("functions", _COLD, " ms", most=150), Value("functions", _CHANGED, " ms", most=1000)),
    ),
    Row(
        "200 Functions at rest; a running one, resident",
        (
            Value("functions", figure("200 Functions at rest, together"), " MB", most=60),
            Value("functions", _RUNNING, " MB", 1, most=15),
        ),
    ),
    Row("calls through the gateway, Basic credentials added", (Value("gateway", RATE, "/s", least=5000),)),
    Row("the same against Caddy", (Value("gateway", RATIO, " of its rate", 2, least=0.8),)),
    Row(
        "what the gateway adds to a call, 500/s: p50, p99",
        (
            Value("gateway-rate", figure("added to a direct call, p50"), " ms", 1, most=1),
            Value("gateway-rate", figure("added to a direct call, p99"), " ms", 1, most=6),
        ),
    ),
    Row("Services registered, 1,000 Applications with 5 each", (Value("registry", RATE, "/s", least=150),)),
    Row(
        "start with them; `hub get applications` right after",
        (
            Value("registry", figure("hub up again until ready, with all of them"), " s", 1, most=4),
            Value("registry", figure("`hub get applications`"), " s", 2, most=0.5),
        ),
    ),
    Row(
        "certificates issued, CA with ECDSA, with RSA 4096",
        (Value("connector", RATE, "/s", least=100), Value("connector-rsa", RATE, "/s", least=8)),
    ),
    Row(
        "Compass: first synchronization of 1,000 Applications, one without a change",
        (
            Value("compass", figure("first synchronization, from the pairing on"), " s", 1, most=20),
            Value("compass", figure("synchronization without a change"), " s", 1, most=3),
        ),
    ),
    Row(
        "one change among them, at an interval of 5 s; memory that they take",
        (
            Value("compass", figure("a change until the Application has it, interval 5 s"), " s", 1, most=7),
            Value("compass", figure("memory added to the hub"), " MB", most=150),
        ),
    ),
    Row(
        "an event beside 1,000 Applications, 10,000 types, 1,000 Subscriptions, 200 Functions",
        (Value("scale", figure("cost of an event against the empty hub"), " times its cost alone", 2, most=1.1),),
    ),
    Row(
        "start with all these; memory that they take",
        (
            Value("scale", figure("hub up again until ready, with everything"), " s", 1, most=4),
            Value("scale", figure("memory added by what fills it"), " MB"),
        ),
    ),
    Row(
        "validation of a certificate seen before",
        (Value("connector", figure("validating a request, certificate seen before"), " µs", 1, most=20),),
    ),
)


def _at(document: Document | None, place: Path) -> float | None:
    found: Any = document
    for name in place:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return float(found) if found is not None else None


def table_of(documents: Mapping[str, Document]) -> list[dict[str, str]]:
    """Return the rows with what was measured: `what`, `measured`, `aim`, `missed` and `command`."""
    words = {run.name: run.words for run in RUNS}
    return [
        {
            "what": row.what,
            "measured": ", ".join(value.shown(documents) for value in row.values),
            "aim": ", ".join(value.aim for value in row.values if value.aim) or "–",
            "missed": "; ".join(filter(None, (value.miss(documents) for value in row.values))),
            "command": ", ".join(dict.fromkeys(f"`{words[value.run]}`" for value in row.values)),
        }
        for row in ROWS
        if any(value.run in documents for value in row.values)
    ]
