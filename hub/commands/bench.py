"""`hub bench`: how fast the hub is on this machine, and what that takes.

Each scenario is a command that has the options of its scenario and no others; they are made of one table.
"""

from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

from hub.bench.options import OWNERS, PEERS, SCENARIOS, Options

T = TypeVar("T")
Document = dict[str, Any]
app = typer.Typer(
    help="How fast the hub is on this machine and what that takes, on a hub of its own. Exit status: 0 when every "
    "event is accounted for, 1 when not or when anything but 2xx was answered, 2 wrong usage.",
    no_args_is_help=False,
)
_RATE = (
    "Events per second, due on schedule: latency counts from then. Default: as fast as answered; e2e 500, scale 1000."
)
_PEER = (
    "Also run another program on the same work, in turns, and print the ratio; alone: the hub without what is beside."
)
_OPTIONS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "seconds": (float, "How long the load lasts, after the warm-up.", {"min": 0.2}),
    "rate": (float | None, _RATE, {"min": 1}),
    "connections": (int, "Connections; also deliveries under way.", {"min": 1, "max": 1000}),
    "size": (int, "Bytes of an event's data.", {"min": 16}),
    "batch": (int, "Events in one request.", {"min": 1, "max": 1000}),
    "warm_up": (float, "Seconds of the same load before anything counts.", {"min": 0}),
    "repeat": (int, "Runs, each on a fresh hub; the median is shown.", {"min": 1, "max": 100}),
    "listener": (Literal["internal", "edge"], "internal: plain HTTP. edge: mutual TLS as a paired solution.", {}),
    "sync": (str, "HUB_NATS__SYNC of the hub: `always`, or an interval.", {}),
    "peer": (None, _PEER, {}),
    "authority": (Literal["ecdsa-p256", "rsa-4096"], "Key of the hub's certificate authority.", {}),
    "others": (int, "Subscriptions to other event types beside; gateway: Applications.", {"min": 0, "max": 5000}),
    "dead": (int, "Subscriptions to the same events with a dead sink beside.", {"min": 0, "max": 100}),
    "slow": (int, "Subscriptions to the same events with a sink beside that takes 5 s.", {"min": 0, "max": 100}),
    "applications": (int, "How many Applications there are.", {"min": 1, "max": 100_000}),
    "by": (Literal["event", "http"], "How the Function is called.", {}),
    "runtime": (Literal["python", "node"], "What runs the Function.", {}),
    "functions": (int, "Functions deployed beside, for the memory they take.", {"min": 0, "max": 1000}),
}
"""Type, help and bounds of each option; its default is that of `Options`."""
_EXAMPLES = {
    "ingress": ("--repeat 3 --peer bare", "--batch 100 --sync always -o json", "--others 1000 --peer alone"),
    "delivery": ("--repeat 3 --peer mq-bridge", "--rate 1000", "--dead 1 --slow 1 --peer alone"),
    "functions": ("--runtime node", "--by http --peer functions-framework", "--functions 50"),
    "e2e": ("--rate 500 --seconds 30",),
    "gateway": ("--rate 500", "--repeat 3 --peer caddy", "--others 1000"),
    "registry": ("--applications 1000",),
    "compass": ("--applications 1000",),
    "scale": ("--applications 1000",),
    "connector": ("--authority rsa-4096 --connections 8",),
}
Output = Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="For people or for programs.")]
Report = Annotated[
    Path | None, typer.Option(help="Also write a report with plots into this directory (extra `bench`).")
]


def _command(scenario: str) -> Callable[..., None]:
    """Return the command of a scenario: a function whose parameters are the options that the scenario has."""

    def run(output: str, report: Path | None, **given: Any) -> None:
        raise typer.Exit(_measure(Options(scenario, **given), output, report))

    parameters = [*_parameters(scenario), *Signature.from_callable(_shared).parameters.values()]
    run.__doc__ = f"Measure {SCENARIOS[scenario]}."
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    vars(run)["__signature__"] = Signature(parameters)
    return run


def _shared(*, output: Output = "table", report: Report = None) -> None:
    """Stand for the options of every command."""


def _parameters(scenario: str) -> list[Parameter]:
    default = Options(scenario)
    found = []
    for name, (kind, text, bounds) in _OPTIONS.items():
        if scenario in OWNERS.get(name, (scenario,)):
            wanted: Any = Literal[PEERS[scenario]] | None if name == "peer" else kind
            option: Any = Annotated[wanted, typer.Option(help=text, **bounds)]
            found.append(Parameter(name, Parameter.KEYWORD_ONLY, default=getattr(default, name), annotation=option))
    return found


for _scenario in SCENARIOS:
    _lines = (f"hub bench {_scenario} {words}" for words in _EXAMPLES[_scenario])
    app.command(_scenario, epilog="\n\n".join(("Examples:", *_lines)))(_command(_scenario))


def _measure(asked: Options, output: str, folder: Path | None) -> int:
    from hub.bench import progress, report, writing
    from hub.bench.running import measure

    options = _sound(asked.checked)

    def run() -> Document:
        with progress.showing(options) as hear:
            return measure(options, hear)

    return _proven(run, report.show, writing.write, output, folder)


def _sound(read: Callable[[], T]) -> T:
    """Return what is read, or end with how the command is used."""
    from hub.kernel.errors import InvalidInput

    try:
        return read()
    except InvalidInput as error:
        raise typer.BadParameter(error.detail) from error


def _proven(
    run: Callable[[], Document],
    show: Callable[[Document], None],
    write: Callable[[Document, Path], None],
    output: str,
    folder: Path | None,
) -> int:
    """Run, show, and write the report where one is asked for; return the exit status."""
    from hub.bench.writing import prepare
    from hub.commands.proving import prove

    def reported() -> Document:
        prepare(folder)
        document = run()
        if folder is not None:
            write(document, folder)
        return document

    return 0 if prove(reported, show, output)["held"] else 1


@app.command("all", epilog="Examples:\n\nhub bench all --report bench\n\nhub bench all --only gateway,e2e --seconds 5")
def every(
    only: Annotated[str, typer.Option(help="Names of runs or scenarios, with commas; default all.")] = "",
    seconds: Annotated[float, typer.Option(min=0.2, help="How long each load lasts.")] = 6,
    output: Output = "table",
    report: Report = None,
) -> None:
    """Measure everything that stands in the table of the README, in some 25 minutes, and print that table.

    A run that fails is told and the others go on; a figure that misses its aim is shown with both. Peers that are not
    installed are left out, and that is said. With --report each result is kept as soon as it is there.
    """
    from hub.bench import progress, writing
    from hub.bench import report as shown
    from hub.bench.whole import chosen, measure_all

    runs = _sound(lambda: chosen([name.strip() for name in only.split(",") if name.strip()]))

    def run() -> Document:
        return measure_all(runs, seconds, progress.showing_one, report)

    raise typer.Exit(_proven(run, shown.show_all, writing.write, output, report))


@app.command(epilog="Example: hub bench soak --minutes 60 --rate 500 --report soak")
def soak(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long the load lasts.")] = 60,
    rate: Annotated[float, typer.Option(min=1, help="Events per second.")] = 500,
    day: Annotated[float, typer.Option(min=2, help="Seconds that a day lasts.")] = 60,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks at the processes.")] = 10,
    output: Output = "table",
    report: Report = None,
) -> None:
    """Load one hub for long, and say whether anything grows or is lost.

    Each event goes to an HTTP sink and to a Function; some deliveries fail on purpose, are tried again, and in part
    given up. Once a day, which lasts a minute, a solution pairs, registers, posts and goes, the Function changes, and
    dead letters are replayed and dropped; what the hub keeps for days it keeps for minutes. Fails when the memory,
    after the warm-up, grows by more than 5 %, open files or threads become more, a stream grows past its limit (or at
    all, without one), or an event is lost. All samples are kept in a file.
    """
    from hub.bench.soak import report as shown
    from hub.bench.soak import writing
    from hub.bench.soak.options import Options as SoakOptions
    from hub.bench.soak.running import soak as perform

    options = SoakOptions(minutes=minutes, rate=rate, day_seconds=day, sample_seconds=every)

    def run() -> Document:
        with shown.showing(options) as hear:
            return perform(options, hear, report)

    raise typer.Exit(_proven(run, shown.show, writing.write, output, report))
