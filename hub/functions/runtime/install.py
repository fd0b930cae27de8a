"""Installs the dependencies of a Function, once per text of requirements. Does I/O (asyncio, child processes).

Environments are addressed by their content: Functions with the same requirements share one, a redeployment finds its
own again, and an installation appears whole or not at all.
"""

import asyncio
import hashlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import structlog

from hub.kernel.errors import UpstreamRefused, UpstreamUnavailable

log = structlog.get_logger()

_ERROR_CHARACTERS = 30_000
_PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-warn-script-location")
# One installation at a time: each takes a processor for itself.
_turns = asyncio.Semaphore(1)


def wanted(requirements: str) -> str:
    """Return the lines of requirements that say something; `{}` is what Node manifests write for none."""
    lines = (line.strip() for line in requirements.splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith("#"))
    return "" if text == "{}" else text


def address_of(requirements: str) -> str:
    """Return the name of the environment: the same text on the same interpreter is the same environment."""
    return hashlib.sha256(f"{sys.version}\n{sys.platform}\n{requirements}".encode()).hexdigest()[:32]


async def install(requirements: str, root: Path, limit_seconds: float) -> Path:
    """Return the directory with the dependencies, installed when it is not there yet.

    Raises:
        UpstreamRefused: the installation failed; the text is the installer's own.
        UpstreamUnavailable: it took too long.
    """
    target = root / address_of(requirements)
    async with _turns:
        if not target.exists():
            await _install(requirements, target, limit_seconds)
    return target


async def _install(requirements: str, target: Path, limit_seconds: float) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))
    try:
        listed = draft / "requirements.txt"
        await asyncio.to_thread(listed.write_text, requirements)
        log.info("dependencies.requested", environment=target.name)
        await _run_pip(listed, draft / "installed", limit_seconds)
        await asyncio.to_thread(_place, draft / "installed", target)
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, True)


def _place(installed: Path, target: Path) -> None:
    installed.mkdir(exist_ok=True)
    if not target.exists():  # another process may have been faster
        installed.rename(target)


async def _run_pip(listed: Path, target: Path, limit_seconds: float) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *_PIP, "--target", str(target), "-r", str(listed)),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), limit_seconds)
    except TimeoutError as error:
        raise UpstreamUnavailable(
            f"Installing the dependencies took longer than {limit_seconds:g} s.", reason="DependenciesFailed"
        ) from error
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        said = output.decode(errors="replace").strip()[-_ERROR_CHARACTERS:]
        raise UpstreamRefused(
            f"The dependencies cannot be installed:\n{said}", reason="DependenciesFailed", passing=True
        )
