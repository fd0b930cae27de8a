"""The data of a dead letter, changed before it is delivered again: in an editor, or taken from a file."""

import base64
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hub.kernel.errors import InvalidInput


def edited(request: dict[str, Any], set_data: str | None) -> dict[str, str]:
    """Return the edit for a request to replay one dead letter.

    Raises:
        InvalidInput: the file cannot be read, the editor fails, or nothing was changed.
    """
    data = _from_editor(request) if set_data is None else _from_file(set_data)
    return {"data": base64.b64encode(data).decode()}


def _from_file(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}.") from error


def _from_editor(request: dict[str, Any]) -> bytes:
    from hub.commands.session import call

    letter = call(lambda session: session.ask("dead", "show", {"sequence": request["sequence"]}))
    before, suffix = shown_for_editing(letter)
    with tempfile.TemporaryDirectory(prefix="hub-edit-") as folder:
        path = Path(folder) / f"data{suffix}"
        path.write_bytes(before)
        _open(path)
        after = path.read_bytes()
    if after == before:
        raise InvalidInput("The data was not changed; nothing was replayed. Without --edit it is replayed as it is.")
    return after


def shown_for_editing(letter: dict[str, Any]) -> tuple[bytes, str]:
    """Return the data as a person edits it, and the suffix of its file.

    Raises:
        InvalidInput: it is not text.
    """
    import orjson

    if "data_base64" in letter:
        raise InvalidInput("The data is not text; give the new data as a file with --set-data.")
    data = letter.get("data", "")
    if isinstance(data, str):
        return data.encode(), ".txt"
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), ".json"


def _open(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        subprocess.run([*shlex.split(editor), str(path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise InvalidInput(f"The editor '{editor}' failed; set EDITOR. Nothing was replayed.") from error
