"""Installs the dependencies of a Function, once per content. Does I/O (asyncio, child processes).

Environments are addressed by their content: Functions with the same dependencies share one, a redeployment finds its
own again, and an installation appears whole or not at all. Installers run code of the packages they install; they are
confined like Functions, and see neither the hub's files nor its environment.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from hub.functions.dependencies import Wanted
from hub.functions.model import Limits
from hub.functions.runtime.interpreters import Node
from hub.functions.runtime.programs import fenced, handover
from hub.kernel.errors import UpstreamRefused, UpstreamUnavailable

log = structlog.get_logger()

_ERROR_CHARACTERS = 30_000
_LINE_BYTES = 1024 * 1024
_PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-warn-script-location")
_NPM = ("install", "--no-audit", "--no-fund", "--omit=dev", "--no-update-notifier", "--loglevel=error")
_HANDED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
              "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")  # fmt: skip
_HANDED_ON_BEGINNINGS = ("PIP_", "UV_", "NPM_CONFIG_")
_HOME_FILES = (".config/pip", ".pip", ".npmrc", ".config/uv", ".netrc")

Progress = Callable[[str], None]
"""Told what the installer says, line by line."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where and under which rules dependencies are installed."""

    root: Path
    cache: Path
    limit_seconds: float
    readable: tuple[str, ...] = ()
    confined: bool = True
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """One installation at a time: each takes a processor for itself."""


async def install(wanted: Wanted, workshop: Workshop, node: Node | None, progress: Progress) -> Path:
    """Return the directory with the dependencies, installed when it is not there yet.

    Raises:
        UpstreamRefused: the installation failed; the text is the installer's own.
        UpstreamUnavailable: it took too long, or there is no installer.
    """
    target = workshop.root / wanted.address
    async with workshop.turns:
        if not target.exists():
            await _install(wanted, target, workshop, node, progress)
    return target


async def _install(wanted: Wanted, target: Path, workshop: Workshop, node: Node | None, progress: Progress) -> None:
    for directory in (target.parent, workshop.cache):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))
    try:
        await asyncio.to_thread(_lay_out, draft, wanted)
        log.info("dependencies.requested", environment=target.name, family=wanted.family)
        command = _pip(draft) if node is None else _npm(node)
        environment = _environment(draft, workshop, wanted)
        confined = _confined(command, draft, workshop, node) if workshop.confined else command
        await _run(confined, environment, draft / "installed", workshop.limit_seconds, progress)
        await asyncio.to_thread(_place, draft / "installed", target)
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, True)


def _lay_out(draft: Path, wanted: Wanted) -> None:
    for name in ("installed", "tmp"):
        (draft / name).mkdir()
    for name, content in wanted.registry.items():
        (draft / Path(name).name).write_bytes(content)
    where = draft / "requirements.txt" if wanted.family == "python" else draft / "installed" / "package.json"
    where.write_text(wanted.text)


def _place(installed: Path, target: Path) -> None:
    if not target.exists():  # another process may have been faster
        installed.rename(target)


def _pip(draft: Path) -> tuple[str, ...]:
    where = ("--target", str(draft / "installed"), "-r", str(draft / "requirements.txt"))
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, *_PIP, *where)
    uv = shutil.which("uv")
    if uv is None:
        raise UpstreamUnavailable(
            "There is neither pip nor uv to install dependencies with.", reason="DependenciesFailed"
        )
    return (uv, "pip", "install", "--python", sys.executable, *where)


def _npm(node: Node) -> tuple[str, ...]:
    if not node.npm:
        raise UpstreamUnavailable(f"There is no npm beside {node.path}.", reason="DependenciesFailed")
    return (*node.npm, *_NPM)


def _environment(draft: Path, workshop: Workshop, wanted: Wanted) -> dict[str, str]:
    outer = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _HANDED_ON or name.upper().startswith(_HANDED_ON_BEGINNINGS)
    }
    own = {
        "TMPDIR": str(draft / "tmp"),
        "PIP_CACHE_DIR": str(workshop.cache / "pip"),
        "UV_CACHE_DIR": str(workshop.cache / "uv"),
        "npm_config_cache": str(workshop.cache / "npm"),
    }
    files = {"pip.conf": "PIP_CONFIG_FILE", ".npmrc": "npm_config_userconfig"}
    own |= {files[name]: str(draft / name) for name in wanted.registry if name in files}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "PIP_RETRIES": "2"} | outer | own


def _confined(command: tuple[str, ...], draft: Path, workshop: Workshop, node: Node | None) -> tuple[str, ...]:
    home = Path(os.environ.get("HOME", "/nonexistent"))
    prefix = (node.prefix,) if node is not None else ()
    executables = (os.path.realpath(command[0]), *prefix)
    readable = (*executables, *(str(home / name) for name in _HOME_FILES), *workshop.readable)
    limits = fenced(Limits(), readable=readable, writable=(str(draft), str(workshop.cache)))
    return handover({"readable": limits.readable, "writable": limits.writable}, *command)


async def _run(
    command: tuple[str, ...], environment: dict[str, str], directory: Path, limit_seconds: float, progress: Progress
) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=_LINE_BYTES,
    )
    said: list[str] = []
    try:
        async with asyncio.timeout(limit_seconds):
            await _listen(process, said, progress)
    except TimeoutError as error:
        raise UpstreamUnavailable(
            f"Installing the dependencies took longer than {limit_seconds:g} s.", reason="DependenciesFailed"
        ) from error
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # what it started does not outlive it
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        text = "\n".join(said).strip()[-_ERROR_CHARACTERS:]
        raise UpstreamRefused(
            f"The dependencies cannot be installed:\n{text}", reason="DependenciesFailed", passing=True
        )


async def _listen(process: asyncio.subprocess.Process, said: list[str], progress: Progress) -> None:
    assert process.stdout is not None  # noqa: S101 - narrows the type for the checker
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # a line longer than anyone wants to read
            continue
        if not line:
            break
        text = line.decode(errors="replace").rstrip()
        said.append(text)
        progress(text)
    await process.wait()
