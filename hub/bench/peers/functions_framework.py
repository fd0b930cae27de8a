"""functions-framework, Google's server for Functions in Python, as the yardstick of calls over HTTP.

Its command with its own production server (gunicorn: one process, four threads per CPU), calling a handler that only
answers. Its releases since 2020 ask for a CloudEvents library older than the hub's (below 2), so none of them can be
installed beside it, nor by an extra of the hub: it is any program of that name on the search path.
"""

import os
import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hub.bench.peers.running import Program, other_program
from hub.kernel.errors import Misconfigured

PROGRAM = "functions-framework"
HANDLER = 'def main(request):\n    return "done"\n'


def program() -> str:
    """Return the path of the program.

    Raises:
        Misconfigured: there is none.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise Misconfigured(
            f"The peer '{PROGRAM}' is not installed; run `pipx install {PROGRAM}`. It needs an environment of its own, "
            "for it asks for an older CloudEvents library than the hub."
        )
    return found


def running(directory: Path, port: int) -> AbstractAsyncContextManager[int]:
    """Run it, with its files in a directory that is gone afterwards; gives its pid as soon as it takes connections."""
    source = _written(directory)
    words = ("--source", str(source), "--target", "main", "--host", "127.0.0.1", "--port", str(port))
    return other_program(Program(PROGRAM, (program(), *words), _environment()), directory, port)


def _written(directory: Path) -> Path:
    directory.mkdir()
    source = directory / "main.py"
    source.write_text(HANDLER)
    return source


def _environment() -> dict[str, str]:
    """Return the environment without what would make it another server, or have it read this program's modules."""
    changing = ("WORKERS", "THREADS", "DEBUG", "PORT", "PYTHONPATH", "PYTHONHOME", "CLOUD_RUN_TIMEOUT_SECONDS")
    foreign = ("FUNCTION_", "GUNICORN_")
    return {name: text for name, text in os.environ.items() if name not in changing and not name.startswith(foreign)}
