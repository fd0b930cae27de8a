"""What is executed for a Function: the command, its set-up, and what the process may touch."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from hub.functions.model import Launch, Limits

_ROOT = Path(__file__).resolve().parents[3]
_NODE_PROGRAM = Path(__file__).with_name("node") / "child.cjs"
_MIB = 1024 * 1024

# The child finds the hub's own modules once, and user code never: neither on the path nor among the loaded modules.
_BOOTSTRAP = """
import sys
sys.path.insert(0, sys.argv.pop())
from hub.functions.runtime.{module} import main
del sys.path[0]
for name in [name for name in sys.modules if name.partition(".")[0] == "hub"]: del sys.modules[name]
main()
"""

FLOOR_BYTES = {"python": 64 * _MIB, "node": 128 * _MIB}
"""Less memory than this does not even start the interpreter; manifests ask for 32Mi."""

_HEADROOM_BYTES = {"python": 192 * _MIB, "node": 512 * _MIB}
"""What the interpreter reserves beside what it uses: stacks of threads, room for compiled code."""

SYSTEM_PATHS = (
    "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc", "/opt", "/proc", "/sys", "/nix",
    "/run/systemd/resolve", "/run/resolvconf", "/run/nscd", "/var/lib/ca-certificates",
)  # fmt: skip
"""What a program needs of the system, to read: itself, libraries, certificates, how names are resolved."""


def bootstrap(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs one of our small programs, alone in an interpreter without site packages."""
    return (sys.executable, "-I", "-S", "-u", "-c", _BOOTSTRAP.format(module=module), *arguments, str(_ROOT))


def family_of(launch: Launch) -> str:
    """Return what runs the Function: `python` or `node`."""
    return "node" if launch.node else "python"


def command_of(launch: Launch, channel: int, groups: list[str]) -> tuple[str, ...]:
    """Return the command of a Function's process, called over the socket with a descriptor."""
    if not launch.node:
        return spare_command(channel)
    return handover(limits_of(launch, groups), *_node_program(launch, channel))


def spare_command(channel: int) -> tuple[str, ...]:
    """Return the command of an interpreter that waits to be told what to become."""
    return bootstrap("child", str(channel))


def what_to_become(launch: Launch, channel: int, groups: list[str]) -> bytes:
    """Return what a waiting interpreter is told, as JSON: a Function's set-up, and what else a start would give it.

    Standard JSON, for it carries variables that are no text.
    """
    started = {
        "environment": dict(launch.environment),
        "limits": limits_of(launch, groups),
        "program": _node_program(launch, channel) if launch.node else (),
    }
    return json.dumps(_setup(launch) | started).encode()


def _node_program(launch: Launch, channel: int) -> tuple[str, ...]:
    heap = max(launch.limits.memory_bytes // _MIB, 32)
    setup = _json(_setup(launch))
    return (launch.node, f"--max-old-space-size={heap}", str(_NODE_PROGRAM), str(channel), setup)


def _setup(launch: Launch) -> dict[str, Any]:
    return {
        "source": launch.source,
        "libraries": launch.libraries,
        "context": launch.context,
        "log": launch.log,
        "log_limit_bytes": launch.log_limit_bytes,
        "style": launch.style,
        "mounts": dict(launch.mounts),
        "body_limit_bytes": launch.body_limit_bytes,
    }


def handover(limits: dict[str, Any], *program: str) -> tuple[str, ...]:
    """Return the command that confines a process and then runs a program in it."""
    return bootstrap("handover", _json(limits), *program)


def limits_of(launch: Launch, groups: list[str]) -> dict[str, Any]:
    """Return what `confine` is told."""
    allowed = launch.limits
    return {
        "memory_bytes": allowed.memory_bytes + _HEADROOM_BYTES[family_of(launch)],
        "processes": allowed.processes,
        "open_files": allowed.open_files,
        "readable": allowed.readable,
        "writable": allowed.writable,
        "groups": groups,
    }


def fenced(limits: Limits, *, readable: tuple[str, ...], writable: tuple[str, ...]) -> Limits:
    """Return limits with the paths a program may touch: the system's, those given, and a terminal-less /dev."""
    interpreter = {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.realpath(sys.executable), str(_ROOT / "hub")}
    return replace(
        limits,
        readable=tuple(dict.fromkeys((*SYSTEM_PATHS, *sorted(interpreter), *readable))),
        writable=("/dev", *writable),
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
