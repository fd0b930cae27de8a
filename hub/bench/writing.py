"""Writes the report of a result into a directory: `report.md`, its plots, and the result itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.bench import markdown, plots
from hub.kernel.errors import InvalidInput

Document = Mapping[str, Any]
REPORT = "report.md"


def prepare(folder: Path | None) -> None:
    """Make sure, before anything is measured, that a report can be written.

    Raises:
        InvalidInput: the directory cannot be made.
        Misconfigured: there is nothing to plot with.
    """
    if folder is None:
        return
    plots.check()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"The directory {folder} cannot be made ({error.strerror}); name another one.") from error


def write(document: Document, folder: Path) -> None:
    """Write the report of one scenario, or of all."""
    if document["scenario"] == "all":
        files = {name: plots.plots_of(run, folder, name) for name, run in document["runs"].items()}
        text = markdown.whole(document, files)
    else:
        text = markdown.single(document, plots.plots_of(document, folder, document["scenario"]))
    keep(document, text, folder)


def keep(document: Document, text: str, folder: Path) -> None:
    """Write a report and the result it is made of."""
    (folder / REPORT).write_text(text, encoding="utf-8")
    (folder / f"{document['scenario']}.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
