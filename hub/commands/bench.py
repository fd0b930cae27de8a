"""`hub bench`: how fast the hub is on this machine, and what that takes."""

import signal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from types import FrameType

    from hub.bench.options import Options

EXAMPLES = """Examples:

hub bench ingress --connections 64 --repeat 3

hub bench ingress --batch 100 --sync always -o json

hub bench ingress --listener edge

hub bench ingress --peer bare --repeat 3

hub bench delivery --rate 1000

hub bench delivery --others 1000

hub bench delivery --dead 1

hub bench functions --runtime node

hub bench functions --by http --peer functions-framework

hub bench functions --functions 50

hub bench e2e --rate 500 --seconds 30

hub bench connector --authority rsa-4096 --connections 8

hub bench registry --applications 1000

hub bench gateway --rate 500

hub bench gateway --peer caddy --repeat 3

hub bench gateway --others 1000
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLES)(bench)


Output = Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="For people or for programs.")]
Batch = Annotated[int, typer.Option(min=1, max=1000, help="Events in one request (ingress, delivery).")]
Listener = Annotated[
    Literal["internal", "edge"],
    typer.Option(help="internal: plain HTTP. edge: mutual TLS as a paired solution (ingress)."),
]
Peer = Annotated[
    Literal["bare", "mq-bridge", "caddy", "functions-framework"] | None,
    typer.Option(
        help="Also run another program on the same work, and print the ratio (ingress; delivery: mq-bridge; gateway: "
        "caddy; functions: functions-framework)."
    ),
]
Authority = Annotated[
    Literal["ecdsa-p256", "rsa-4096"], typer.Option(help="Key of the hub's certificate authority (connector).")
]
Others = Annotated[
    int, typer.Option(min=0, max=5000, help="Subscriptions to other event types beside; Applications (gateway).")
]
Dead = Annotated[
    int, typer.Option(min=0, max=100, help="Subscriptions to the same events with a dead sink beside (delivery).")
]
Applications = Annotated[
    int, typer.Option(min=1, max=100_000, help="Applications that get five Services each (registry).")
]
By = Annotated[Literal["event", "http"], typer.Option(help="How the Function is called (functions).")]
Runtime = Annotated[Literal["python", "node"], typer.Option(help="What runs the Function (functions).")]
Functions = Annotated[
    int, typer.Option(min=0, max=1000, help="Functions deployed beside, for the memory they take (functions).")
]


def bench(  # noqa: PLR0913 - a parameter is an option of the command line
    *,
    scenario: Annotated[
        Literal["ingress", "delivery", "functions", "e2e", "connector", "registry", "gateway"],
        typer.Argument(help="What to measure."),
    ],
    seconds: Annotated[float, typer.Option(min=0.2, help="How long the load lasts, after the warm-up.")] = 10,
    rate: Annotated[
        float | None,
        typer.Option(min=1, help="Events per second, due on schedule; default: as fast as answered, e2e: 500."),
    ] = None,
    connections: Annotated[int, typer.Option(min=1, max=1000, help="Connections; also deliveries under way.")] = 64,
    size: Annotated[int, typer.Option(min=16, help="Bytes of an event's data.")] = 1024,
    batch: Batch = 1,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds of the same load before anything counts.")] = 2,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Runs, each on a fresh hub; the median is shown.")] = 1,
    listener: Listener = "internal",
    sync: Annotated[str, typer.Option(help="HUB_NATS__SYNC of the hub: `always`, or an interval.")] = "2m",
    peer: Peer = None,
    authority: Authority = "ecdsa-p256",
    others: Others = 0,
    dead: Dead = 0,
    applications: Applications = 1000,
    by: By = "event",
    runtime: Runtime = "python",
    functions: Functions = 0,
    output: Output = "table",
) -> None:
    """Start a hub of its own, load it from a process of its own, and show what was measured.

    ingress: events acknowledged as stored. delivery: stored events brought to an HTTP sink. functions: the same to a
    Function, or with --by http calls of one; then the times of a cold start and of a change, and with --functions N
    the memory of N at rest and of N that run. e2e: from the moment a post was due to the start of the Function's
    handler. connector: certificates issued to a paired solution, which renews again and again. registry: five Services
    of each of many Applications, registered at the edge, however long that takes; then how long the list of them and a
    start with them take. gateway: calls of an API with credentials added, beside the same calls made directly; --others
    N goes round N Applications of five APIs each.

    With --rate the load does not wait for answers: latency counts from the moment a request was due. Exit status: 0
    when every event is accounted for, 1 when not or when anything but 2xx was answered, 2 wrong usage.
    """
    from hub.bench.options import Options

    asked = Options(
        scenario=scenario, seconds=seconds, rate=rate, connections=connections, size=size, batch=batch,
        warm_up=warm_up, repeat=repeat, listener=listener, sync=sync, peer=peer, authority=authority,
        others=others, dead=dead, applications=applications, by=by, runtime=runtime, functions=functions,
    )  # fmt: skip
    raise typer.Exit(_measure(asked, output))


def _measure(asked: "Options", output: str) -> int:
    from hub.bench import progress, report
    from hub.bench.running import measure
    from hub.commands.session import refusals_as_exit, say_error, say_json
    from hub.kernel.errors import InvalidInput

    try:
        options = asked.checked()
    except InvalidInput as error:
        raise typer.BadParameter(error.detail) from error
    signal.signal(signal.SIGTERM, _end)
    with refusals_as_exit(), progress.showing(options) as hear:
        document = measure(options, hear)
    if output == "json":
        say_json(document)
    else:
        report.show(document)
    for text in document["complaints"]:
        say_error(text)
    return 0 if document["held"] else 1


def _end(_number: int, _frame: "FrameType | None") -> None:
    """End as by Ctrl-C: everything that was started is stopped and removed."""
    raise KeyboardInterrupt
