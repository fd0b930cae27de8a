"""`hub contracts write|check`: the committed JSON Schemas, AsyncAPI document and OpenAPI document of the edge."""

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
    """Write the JSON Schemas and the AsyncAPI document from the models, the OpenAPI document from the routes."""
    from contracts import products

    where = root or products.ROOT
    written = products.write(where)
    if not _is_current(where):
        (where / products.OPENAPI).write_bytes(rendered_openapi())
        written.append(products.OPENAPI)
    if output == "json":
        typer.echo(json.dumps({"written": written}))
        return
    for path in written:
        typer.echo(f"written: {path}")
    typer.echo(f"{len(written)} of {len(products.render()) + 1} products changed.")


@app.command(epilog="Example: hub contracts check -o json")
def check(root: Root = None, output: Output = "text") -> None:
    """Compare the committed products with models and routes; exit status 1 when they differ."""
    from contracts import products

    where = root or products.ROOT
    differences = products.check(where)
    if not _is_current(where):
        change: Literal["changed", "missing"] = "changed" if (where / products.OPENAPI).exists() else "missing"
        differences.append(products.Difference(products.OPENAPI, change))
    if output == "json":
        rows = [{"path": d.path, "change": d.change, "violations": list(d.violations)} for d in differences]
        typer.echo(json.dumps({"differences": rows}))
    elif differences:
        for difference in differences:
            typer.echo(str(difference), err=True)
        typer.echo("The committed products differ from the models; run `hub contracts write`.", err=True)
    else:
        typer.echo(f"{len(products.render()) + 1} products are up to date.")
    raise typer.Exit(1 if differences else 0)


def rendered_openapi() -> bytes:
    """Return the OpenAPI document of the edge as it is committed: from the routes, with the default address."""
    import asyncio

    from hub.house import edge_rooms, openapi_of
    from hub.settings import HubSettings

    rooms = asyncio.run(edge_rooms(HubSettings.model_construct()))
    document = openapi_of(rooms, "edge", "https://localhost:8443")
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _is_current(root: Path) -> bool:
    from contracts import products

    committed = root / products.OPENAPI
    return committed.exists() and committed.read_bytes() == rendered_openapi()
