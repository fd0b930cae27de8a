"""Confines a process, then becomes another program in it: Node, or the installer of dependencies.

A program that is not ours cannot confine itself, and a parent with threads must not run code between fork and exec; so
this small one does it in between, for ten milliseconds. Standard library only.
"""

import json
import os
import sys

from hub.functions.runtime.confine import confine


def main() -> None:
    """Run as `-c` of a process: arguments are the limits as JSON, then the program and its arguments."""
    confine(json.loads(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
