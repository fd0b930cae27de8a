"""The structure of the source: who may import whom, what stays pure, who writes which bucket, how large files get.

Read from the source with `ast`, nothing is started. A failure names the line and the rule it breaks.
"""

import ast
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from contracts import subjects
from hub.house import ROOMS

ROOT = Path(__file__).resolve().parent.parent
TOP = {
    "cli", "house", "layout", "settings", "openapi", "commands", "up", "cluster", "demo", "bench", "drill", "tracing",
    "__main__",
}  # fmt: skip
KERNEL_CODE_LINES = 2500
FILE_LINES = 500
KERNEL_MAY_READ = ("contracts.envelope", "contracts.subjects")
FOREIGN_TO_CONTRACTS = {"hub", "nats", "faststream", "httpx"}
IMPURE_LIBRARIES = {"nats", "faststream", "httpx", "asyncio", "structlog"}
IMPURE_NAMES = {"room", "settings", "model", "api", "handlers", "store"}
"""Modules of any room that may do input and output."""
IMPURE_MODULES = {
    "hub.catalog.quarantine": "shows and lets through events that are kept aside in the event store",
    "hub.compass.agent": "holds the connection in its one task: pairs, renews, synchronizes in time",
    "hub.compass.asking": "asks the registry over the bus",
    "hub.compass.calling": "connections with Connector and Director",
    "hub.compass.fetching": "reads the Director page by page",
    "hub.compass.graphql": "speaks GraphQL over HTTPS",
    "hub.compass.maintaining": "pairs, renews and writes down what came of it",
    "hub.compass.metering": "counts, and tells the age of what is known",
    "hub.compass.pairing": "gets and renews the client certificate",
    "hub.compass.synchronizing": "reads the Director and has the registry store it",
    "hub.connector.announcing": "tells other rooms, the log and the audit what was done",
    "hub.connector.custody": "holds the authorities of this process and follows their changes",
    "hub.connector.tidying": "removes old revocations by a timer",
    "hub.connector.serving": "holds the edge's TLS context and the timer of its renewal",
    "hub.dispatch.consumer": "pulls events from the event store",
    "hub.dispatch.janitor": "clears the stream of events",
    "hub.dispatch.metering": "counts and times deliveries",
    "hub.dispatch.sinks": "each sink speaks the protocol it is named after",
    "hub.functions.metering": "counts and times calls",
    "hub.functions.runtime": "child processes, their sockets and files",
    "hub.gateway.authorizing": "fetches tokens and keeps them",
    "hub.gateway.body": "reads the caller's body as it comes",
    "hub.gateway.calling": "carries one call to its target and back",
    "hub.gateway.dialling": "opens the target's end of a WebSocket",
    "hub.gateway.explaining": "makes a call and tells its steps",
    "hub.gateway.metering": "counts and times calls",
    "hub.gateway.outgoing": "connections to targets",
    "hub.gateway.remembering": "lets callers wait for one fetch",
    "hub.gateway.shortway": "passes plain calls on by callback",
    "hub.gateway.tunnel": "passes bytes between two connections",
    "hub.gateway.verification": "logs and shows what is not checked",
    "hub.ingress.accepting": "stores events, counts and logs them",
    "hub.ingress.asking": "passes questions about events on over the bus",
    "hub.registry.fetching": "fetches specifications over HTTP",
    "hub.registry.keypair": "makes keys",
    "hub.registry.services": "fetches, stores and announces",
    "hub.registry.sweeping": "looks through the store now and then",
    "hub.functions.signs": "gives signs of life of calls, over the bus and by the clock",
}
"""Further modules that do input and output, alone or with all below them, and why."""


@dataclass(frozen=True)
class Source:
    """One module of the project."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """Return the dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def layer(self) -> str:
        """Return `contracts`, `kernel`, `top`, the name of a room, or `hub` for the package itself."""
        return layer_of(self.module)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Return line and dotted name of everything imported, wherever in the file it stands."""
        for node in ast.walk(ast.parse(self.text)):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                start = "." * node.level + (node.module or "")
                yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)

    def at(self, number: int, rule: str) -> str:
        """Return the offending line and the rule it breaks."""
        return f"{self.path}:{number}: {self.text.splitlines()[number - 1].strip()}\n    rule: {rule}"


def layer_of(module: str) -> str:
    """Return the layer a dotted name belongs to; empty for libraries."""
    parts = module.split(".")
    if parts[0] == "contracts":
        return "contracts"
    if parts[0] != "hub":
        return ""
    if len(parts) == 1 or parts[1] == "__version__":
        return "hub"
    return "top" if parts[1] in TOP else parts[1]


def sources() -> list[Source]:
    """Return every module of the two packages."""
    files = sorted(path for folder in ("contracts", "hub") for path in (ROOT / folder).rglob("*.py"))
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in files]


def known_layer(source: Source) -> Iterator[str]:
    """Everything below hub/ is the kernel, a room or the top."""
    if source.layer not in {"contracts", "hub", "kernel", "top", *ROOMS}:
        yield f"{source.path}\n    rule: what is in hub/ is the kernel, a room of house.ROOMS, or one of {sorted(TOP)}"


def one_way(source: Source) -> Iterator[str]:
    """Imports point from the top to the rooms, to the kernel, to the contracts."""
    below = {
        "contracts": {"contracts"},
        "kernel": {"contracts", "kernel", "hub"},
        "hub": {"hub"},
        "top": {"contracts", "kernel", "hub", "top", *ROOMS},
    }
    allowed = below.get(source.layer, {"contracts", "kernel", "hub", source.layer})
    for number, name in source.imports():
        layer = layer_of(name)
        if name.startswith("."):
            yield source.at(number, "imports are absolute")
        elif layer in ROOMS and source.layer in ROOMS and layer != source.layer:
            yield source.at(number, f"rooms never import each other: '{source.layer}' imports '{layer}'")
        elif layer and layer not in allowed:
            yield source.at(number, f"imports point top, rooms, kernel, contracts: '{source.layer}' imports '{layer}'")


def kernel_knows_no_domain(source: Source) -> Iterator[str]:
    """The kernel reads the envelope and the names on the bus, no contract event of a room."""
    if source.layer != "kernel":
        return
    for number, name in source.imports():
        if layer_of(name) == "contracts" and not f"{name}.".startswith(tuple(f"{one}." for one in KERNEL_MAY_READ)):
            yield source.at(number, f"of the contracts the kernel imports only {' and '.join(KERNEL_MAY_READ)}")


def contracts_stand_alone(source: Source) -> Iterator[str]:
    """Contracts can be used without the hub and without a network."""
    if source.layer != "contracts":
        return
    for number, name in source.imports():
        if name.split(".")[0] in FOREIGN_TO_CONTRACTS:
            yield source.at(number, f"contracts import none of {sorted(FOREIGN_TO_CONTRACTS)}")


def decisions_are_pure(source: Source) -> Iterator[str]:
    """What decides in a room knows neither the bus nor the network, the clock or the log."""
    inner = source.module.split(".")[2:]
    listed = any(f"{source.module}.".startswith(f"{module}.") for module in IMPURE_MODULES)
    if source.layer not in ROOMS or not inner or inner[0] in IMPURE_NAMES or listed:
        return
    for number, name in source.imports():
        if name.split(".")[0] in IMPURE_LIBRARIES:
            yield source.at(number, f"a pure module of a room imports none of {sorted(IMPURE_LIBRARIES)}")


def readable_size(source: Source) -> Iterator[str]:
    """A file can be read in one sitting."""
    number = len(source.text.splitlines())
    if number > FILE_LINES:
        yield f"{source.path}: {number} lines\n    rule: no file has more than {FILE_LINES} lines"


Rule = Callable[[Source], Iterable[str]]
RULES: tuple[Rule, ...] = (
    known_layer, one_way, kernel_knows_no_domain, contracts_stand_alone, decisions_are_pure, readable_size,
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    """No module breaks it."""
    broken = [line for source in sources() for line in rule(source)]
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (known_layer, "hub/elsewhere/__init__.py", ""),
        (one_way, "hub/kernel/clock.py", "from hub.registry import naming"),
        (one_way, "hub/kernel/clock.py", "from hub import house"),
        (one_way, "hub/registry/naming.py", "def f():\n    from hub.connector import subject"),
        (one_way, "hub/registry/naming.py", "from hub import connector"),
        (one_way, "hub/functions/runtime/fleet.py", "import hub.settings"),
        (one_way, "hub/registry/naming.py", "from . import model"),
        (kernel_knows_no_domain, "hub/kernel/room.py", "from contracts.event.v1 import EventAccepted"),
        (kernel_knows_no_domain, "hub/kernel/room.py", "from contracts import fields"),
        (contracts_stand_alone, "contracts/envelope.py", "from nats.errors import Error"),
        (decisions_are_pure, "hub/registry/naming.py", "import asyncio"),
        (decisions_are_pure, "hub/ingress/dialects/kyma_v1.py", "import structlog"),
        (readable_size, "hub/cli.py", "\n" * (FILE_LINES + 1)),
    ],
)
def test_the_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    """A rule that never fails would guard nothing."""
    assert list(rule(Source(path, text)))


def test_modules_listed_as_impure_exist() -> None:
    """The list of exceptions does not outlive what it excepts."""
    modules = [source.module for source in sources()]
    stale = [name for name in IMPURE_MODULES if not any(f"{module}.".startswith(f"{name}.") for module in modules)]
    assert not stale


def code_lines(text: str) -> int:
    """Return how many lines hold code: neither blank nor comment nor docstring."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    prose: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            prose.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = (token for token in tokenize.generate_tokens(StringIO(text).readline) if token.type not in silent)
    return len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - prose)


def test_the_kernel_stays_small() -> None:
    """What all rooms share is little enough to be read by whoever writes a room."""
    total = sum(code_lines(source.text) for source in sources() if source.layer == "kernel")
    assert 0 < total <= KERNEL_CODE_LINES, f"the kernel has {total} lines of code; rule: at most {KERNEL_CODE_LINES}"


def test_every_room_has_a_door_and_runs_somewhere() -> None:
    """Each room can be built, and a line of the Procfile runs it."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    words = {word for line in lines for word in line.partition(":")[2].split()}
    for room in ROOMS:
        door = ROOT / "hub" / room / "room.py"
        assert door.exists(), f"hub/{room}/room.py is missing; rule: every room has its door"
        body = ast.parse(door.read_text(encoding="utf-8")).body
        assert any(isinstance(node, ast.FunctionDef) and node.name == "build" for node in body), (
            f"hub/{room}/room.py has no function `build`; rule: `build(settings, house)` is a room's door"
        )
        assert room in words, f"Procfile: no line runs '{room}'; rule: every room runs somewhere"


def buckets_written(source: Source) -> Iterator[tuple[str, str]]:
    """Return each bucket a module of a room asks to write, with the line that asks.

    Buckets are named by a constant of `contracts.subjects`, kinds by a constant of the room's `kinds`.
    """
    for node in ast.walk(ast.parse(source.text)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if node.func.attr == "bucket":
            named = node.args[0]
            assert isinstance(named, ast.Attribute), source.at(
                node.lineno, "a bucket is named by a constant of contracts.subjects"
            )
            yield getattr(subjects, named.attr), source.at(node.lineno, "each bucket has one writer")
        if node.func.attr in {"resources", "desk"}:
            kinds = import_module(f"hub.{source.layer}.kinds")
            kind = node.args[1 if node.func.attr == "desk" else 0]
            names = [word.id for word in ast.walk(kind) if isinstance(word, ast.Name) and word.id.isupper()]
            assert names, source.at(node.lineno, "a kind is named by a constant of the room's kinds")
            yield getattr(kinds, names[0]).plural, source.at(node.lineno, "each bucket has one writer")


def test_each_bucket_has_one_writer() -> None:
    """No two rooms write the same bucket, and each bucket of the layout has a room that writes it."""
    writers: dict[str, dict[str, str]] = {}
    for source in sources():
        if source.layer in ROOMS:
            for bucket, line in buckets_written(source):
                writers.setdefault(bucket, {})[source.layer] = line
    shared = [line for rooms in writers.values() if len(rooms) > 1 for line in rooms.values()]
    assert not shared, "\n" + "\n".join(shared)
    of_rooms = set(subjects.BUCKETS) - {subjects.LAYOUT}
    assert set(writers) == of_rooms, (
        f"{sorted(set(writers) ^ of_rooms)}; rule: the buckets that rooms write are those of contracts.subjects.BUCKETS"
    )
