"""Takes the source of a Function from a Git repository: the commit pinned, its files kept. Does I/O (a child process).

What has been fetched once stays: a commit needs no network again, and when a repository does not answer, the commit
that ran last goes on running, which the status says.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from hub.functions.gitauth import credentials_of
from hub.functions.model import Limits
from hub.functions.runtime import cloning
from hub.functions.runtime.cloning import is_commit
from hub.functions.runtime.programs import fenced, handover
from hub.functions.runtime.sources import write_whole
from hub.functions.store import Secret
from hub.kernel.errors import HubError, InvalidInput, UpstreamUnavailable

_PROGRAM = str(Path(cloning.__file__).resolve())
_CREDENTIALS_IN_URL = re.compile(r"//[^/@\s]*@")

Secrets = Callable[[str], Secret | None]


@dataclass(frozen=True, slots=True)
class Tree:
    """One commit of a repository, from the base directory down."""

    commit: str
    files: Mapping[str, bytes]
    stale: str = ""
    """Why this may not be the newest commit."""


async def fetch(repository: Mapping[str, Any], secrets: Secrets, known: Path, limit_seconds: float) -> Tree:
    """Return the files of the commit that the reference means now.

    Args:
        repository: `spec.source.gitRepository`, admitted.
        secrets: finds Secrets of the Function's scope.
        known: directory of what has been fetched before.
        limit_seconds: how long the repository may take.

    Raises:
        InvalidInput: it refuses: credentials, reference, directory.
        UpstreamUnavailable: it does not answer, and nothing has been fetched before.
    """
    reference = repository["reference"].strip()
    last = known / f"{_digest(repository, reference)}.last"
    commit = reference.lower() if is_commit(reference) else _read(last).decode()
    kept = _kept(known, repository, commit)
    if kept is not None and is_commit(reference):
        return kept
    request = {
        "url": repository["url"],
        "reference": reference.lower() if is_commit(reference) else reference,
        "baseDir": repository["baseDir"].strip(),
        "known": kept.commit if kept else "",
        "knownHosts": str(known / "known_hosts"),
    } | _credentials(repository, secrets)
    try:
        said = await _ask(request, known, limit_seconds)
    except UpstreamUnavailable as error:
        if kept is None:
            raise
        return Tree(kept.commit, kept.files, error.detail)
    if kept is not None and "files" not in said:
        return kept
    await asyncio.to_thread(write_whole, known / _name(repository, said["commit"]), orjson.dumps(said))
    await asyncio.to_thread(write_whole, last, said["commit"].encode())
    return _tree(said)


def _credentials(repository: Mapping[str, Any], secrets: Secrets) -> dict[str, str]:
    auth = repository.get("auth")
    if not auth:
        return {}
    secret = secrets(auth["secretName"])
    if secret is None:
        raise InvalidInput(
            f"Getting git authorization data failed: Secret '{auth['secretName']}' does not exist in the Function's"
            " scope; create it.",
            reason="SourceUpdateFailed",
        )
    return credentials_of(auth["type"], secret.type, secret.values)


def _digest(repository: Mapping[str, Any], word: str) -> str:
    return hashlib.sha256(f"{repository['url']}\n{repository['baseDir']}\n{word}".encode()).hexdigest()[:32]


def _name(repository: Mapping[str, Any], commit: str) -> str:
    return f"{_digest(repository, commit)}.json"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _kept(known: Path, repository: Mapping[str, Any], commit: str) -> Tree | None:
    raw = _read(known / _name(repository, commit)) if commit else b""
    return _tree(orjson.loads(raw)) if raw else None


def _tree(said: Mapping[str, Any]) -> Tree:
    return Tree(said["commit"], {path: base64.b64decode(content) for path, content in said["files"].items()})


async def _ask(request: dict[str, str], known: Path, limit_seconds: float) -> dict[str, Any]:
    await asyncio.to_thread(known.mkdir, parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=known) as draft:
        output = await _run(request, known, draft, limit_seconds)
    try:
        said: dict[str, Any] = orjson.loads(output)
    except orjson.JSONDecodeError as error:
        raise _refusal(request, "connection", "the program that asks it ended without an answer") from error
    if "error" in said:
        raise _refusal(request, said["error"], said["text"])
    return said


async def _run(request: dict[str, str], known: Path, draft: str, limit_seconds: float) -> bytes:
    limits = fenced(Limits(), readable=(), writable=(draft, str(known)))
    program = (sys.executable, "-I", _PROGRAM)
    process = await asyncio.create_subprocess_exec(
        *handover({"readable": limits.readable, "writable": limits.writable}, *program),
        env=_environment(draft),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(orjson.dumps(request)), limit_seconds)
    except TimeoutError as error:
        raise _refusal(request, "connection", f"no answer within {limit_seconds:g} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return output


def _environment(draft: str) -> dict[str, str]:
    names = ("PATH", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
    return {name: os.environ[name] for name in names if name in os.environ} | {"TMPDIR": draft, "HOME": draft}


def _refusal(request: Mapping[str, str], kind: str, text: str) -> HubError:
    url = shown(request["url"])
    said = _CREDENTIALS_IN_URL.sub("//", text)
    for name in ("password", "passphrase"):
        said = said.replace(request[name], "***") if request.get(name) else said
    if kind == "authentication":
        detail = f"Authentication required for Git repository: {url} ({said})"
    else:
        detail = f"Git repository: {url} source check failed: {said}"
    fault: type[HubError] = UpstreamUnavailable if kind == "connection" else InvalidInput
    return fault(detail, reason="SourceUpdateFailed")


def shown(url: str) -> str:
    """Return an address without the credentials it may hold."""
    return _CREDENTIALS_IN_URL.sub("//", url)
