"""Writes what a process of a Function starts from: its source, its dependency file, the files of its Secrets.

Does I/O. A directory holds one revision; it is written anew at every start of the hub, each file whole or not at all.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from hub.functions.dependencies import FILES

HANDLERS = {"python": "handler.py", "node": "handler.js"}
_MOUNTS = ".mounts"
_SDK_NAMES = (
    "getTracer", "getCloudEvent", "emitCloudEvent", "getFunctionName", "getNamespace", "getRuntime", "getTimeout",
    "getBodySizeLimit",
)  # fmt: skip
# Each name is assigned by itself, or an `import {…} from 'sdk'` would not find it.
_SDK = "\n".join(
    ("const sdk = globalThis[Symbol.for('hub.sdk')];", *(f"exports.{name} = sdk.{name};" for name in _SDK_NAMES), "")
)

Files = Mapping[str, bytes]
"""Path relative to the source's directory → content."""


def inline_files(family: str, source: str, dependencies: str) -> dict[str, bytes]:
    """Return the files of an inline source."""
    files = {HANDLERS[family]: source.encode()}
    if family == "node" or dependencies:
        files[FILES[family]] = (dependencies or "{}").encode()
    return files


def write_source(directory: Path, files: Files) -> None:
    """Write a revision's files."""
    for folder in (directory, directory / "tmp"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in files.items():
        write_whole(directory / name, content)


def write_modules(directory: Path, installed: Path | None, *, sdk: bool) -> None:
    """Let a Node source find its dependencies beside it, and the module `sdk` where its runtime has one."""
    modules = directory / "node_modules"
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir()
    for package in installed.iterdir() if installed is not None else ():
        (modules / package.name).symlink_to(package)
    if sdk and not (modules / "sdk").exists():
        (modules / "sdk").mkdir()
        (modules / "sdk" / "index.js").write_text(_SDK)


def write_mounts(directory: Path, mounts: Mapping[str, Files]) -> dict[str, str]:
    """Write the values of Secrets as files.

    Args:
        directory: of the revision.
        mounts: path the Function reads at → names and values.

    Returns:
        Path the Function reads at → directory of the files.
    """
    root = directory / _MOUNTS
    shutil.rmtree(root, ignore_errors=True)
    places: dict[str, str] = {}
    for number, (path, files) in enumerate(mounts.items()):
        place = root / str(number)
        place.mkdir(parents=True, mode=0o700)
        for name, content in files.items():
            write_whole(place / Path(name).name, content)
        places[os.path.normpath("/" + path.lstrip("/"))] = str(place)
    return places


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all; only its owner reads it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    draft.write_bytes(content)
    draft.chmod(0o600)
    draft.replace(path)
