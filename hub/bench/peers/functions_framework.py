"""functions-framework, Google's server for Functions in Python, as the yardstick of calls over HTTP.

Its command with its own production server (gunicorn: one process, four threads per CPU), calling a handler that only
answers. It asks for a CloudEvents library older than the hub's, so it cannot be installed beside it: it is any program
of that name on the search path.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from hub.bench.readiness import await_fact, takes_connections
from hub.kernel.errors import Misconfigured, UpstreamUnavailable

PROGRAM = "functions-framework"
HANDLER = 'def main(request):\n    return "done"\n'
_END_SECONDS = 5.0


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


@asynccontextmanager
async def running(directory: Path, port: int) -> AsyncIterator[int]:
    """Run it, with its files in a directory that is gone afterwards; gives its pid as soon as it takes connections."""
    source = _written(directory)
    process = await asyncio.create_subprocess_exec(
        *(program(), "--source", str(source), "--target", "main", "--host", "127.0.0.1", "--port", str(port)),
        stdin=asyncio.subprocess.DEVNULL,
        env=_environment(),
        cwd=directory,
        start_new_session=True,  # Ctrl-C in a terminal is this program's to handle
    )

    def ready() -> bool:
        if process.returncode is not None:
            raise UpstreamUnavailable(f"The peer '{PROGRAM}' ended at once; what it said stands above.")
        return takes_connections(port)

    try:
        await asyncio.to_thread(await_fact, ready, f"The peer '{PROGRAM}'")
        yield process.pid
    finally:
        await _end(process)
        shutil.rmtree(directory, ignore_errors=True)


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


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it with all its processes: asked first, for the one that was started ends the others."""
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
