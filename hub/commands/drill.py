"""`hub drill`: does the hub keep its promises while everything around it, and in it, fails?"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.drill.running import Options

EXAMPLES = """Examples:

hub drill --minutes 10

hub drill --seed 4711 --faults kill,store --minutes 0.5 -o json
"""


Output = Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="For people or for programs.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLES)(drill)


def drill(
    minutes: Annotated[float, typer.Option(min=0.01, help="How long faults strike; settling comes on top.")] = 2,
    seed: Annotated[
        int | None, typer.Option(help="The same seed, the same row of faults. Default: one by chance, which is shown.")
    ] = None,
    faults: Annotated[
        str, typer.Option(help="Kinds of faults: kill, store, pause, fill, sink, cut, clock; default all.")
    ] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data of a drill that held, too.")] = False,
    output: Output = "table",
) -> None:
    """Start a hub of its own, break things while solutions post numbered events, and account for every one.

    kill: workers, all of them, a Function, by -9. store: the same with nats-server. pause: a process stands still.
    fill: the event store is full. sink: a receiver fails, hangs, or says the opposite of what it did. cut:
    connections to the edge, to the store and to receivers are reset, cut midway, or go silent. clock: the workers'
    wall clock jumps.

    Exit status: 0 when every promise held, 1 when not; then everything is kept and the complaints say where to look.
    """
    from random import SystemRandom

    from hub.drill import schedule
    from hub.drill.running import Options
    from hub.kernel.errors import InvalidInput

    chosen = SystemRandom().randrange(1_000_000) if seed is None else seed
    try:
        kinds = schedule.check([kind.strip() for kind in faults.split(",") if kind.strip()])
    except InvalidInput as error:
        raise typer.BadParameter(error.detail) from error
    raise typer.Exit(_run(Options(chosen, minutes, kinds, keep), output))


def _run(options: "Options", output: str) -> int:
    from hub.commands.proving import prove
    from hub.commands.session import say_error
    from hub.drill import report
    from hub.drill.running import drill as perform

    def run() -> dict[str, Any]:
        with report.showing(quiet=output == "json") as show:
            return perform(options, show)

    document = prove(run, report.show, output)
    if document["kept"]:
        say_error(report.place_of(document))
    return 0 if document["held"] else 1
