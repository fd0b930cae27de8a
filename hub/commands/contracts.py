"""`hub contracts write|check`: the committed JSON Schemas and AsyncAPI document of the contracts."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="The hub's contract events: their committed JSON Schema and AsyncAPI.")

Root = Annotated[
    Path | None, typer.Option("--root", help="Folder of the contracts; default: the installed one.", show_default=False)
]
Output = Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")]


@app.command(epilog="Example: hub contracts write")
def write(root: Root = None, output: Output = "text") -> None:
    """Write the JSON Schemas and the AsyncAPI document from the models."""
    from contracts import products

    written = products.write(root or products.ROOT)
    if output == "json":
        typer.echo(json.dumps({"written": written}))
        return
    for path in written:
        typer.echo(f"written: {path}")
    typer.echo(f"{len(written)} of {len(products.render())} products changed.")


@app.command(epilog="Example: hub contracts check -o json")
def check(root: Root = None, output: Output = "text") -> None:
    """Compare the committed products with the models; exit status 1 when they differ."""
    from contracts import products

    differences = products.check(root or products.ROOT)
    if output == "json":
        rows = [{"path": d.path, "change": d.change, "violations": list(d.violations)} for d in differences]
        typer.echo(json.dumps({"differences": rows}))
    elif differences:
        for difference in differences:
            typer.echo(str(difference), err=True)
        typer.echo("The committed products differ from the models; run `hub contracts write`.", err=True)
    else:
        typer.echo(f"{len(products.render())} products are up to date.")
    raise typer.Exit(1 if differences else 0)
