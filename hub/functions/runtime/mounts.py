"""Shows the values of Secrets at the paths the Function mounts them at.

The hub may not mount anything, so the files lie in the Function's own directory and the language's own functions for
files find them there: `open`, `os` and what is built on them. Runs inside the Function's process: standard library
only.
"""

import builtins
import io
import os
from collections.abc import Callable
from typing import Any

_FUNCTIONS = ("open", "stat", "lstat", "listdir", "scandir", "access", "readlink")


def redirect(places: dict[str, str]) -> None:
    """From now on find the mounted paths where they are.

    Args:
        places: path the Function reads at, absolute → directory that holds the files.
    """
    if not places:
        return
    for name in _FUNCTIONS:
        setattr(os, name, _redirected(getattr(os, name), places))
    builtins.open = io.open = _redirected(io.open, places)


def _redirected(function: Callable[..., Any], places: dict[str, str]) -> Any:
    def elsewhere(path: Any = ".", *rest: Any, **named: Any) -> Any:
        return function(place_of(path, places), *rest, **named)

    return elsewhere


def place_of(path: Any, places: dict[str, str]) -> Any:
    """Return where a path is; what is not mounted is where it says."""
    if not isinstance(path, str | os.PathLike):
        return path
    text = os.fspath(path)
    if not isinstance(text, str) or not text.startswith("/"):
        return path
    clean = os.path.normpath(text)
    for mount, place in places.items():
        if clean == mount or clean.startswith(mount + "/"):
            return place + clean[len(mount) :]
    return path
