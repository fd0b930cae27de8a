"""The program that asks a Git repository: which commit does a name mean, and which files does it hold?

A process of its own, confined like a Function: what a foreign server sends is read where nothing of the hub's is in
reach, and a server that never answers costs a process that can be killed. JSON on standard input, JSON on standard
output. Nothing is checked out: files are read from the objects, so no path or link can lead anywhere.
"""

import base64
import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILES_LIMIT = 2000
BYTES_LIMIT = 20 * 1024 * 1024
_COMMIT_LETTERS = 40
_SKIPPED = (b"node_modules", b".git")


class RefusedError(Exception):
    """Why there is no answer, and of which kind: `reference`, `authentication`, `content`."""

    def __init__(self, kind: str, text: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.kind = kind


def main() -> None:
    """Answer one request: url, reference, baseDir, known commit, credentials."""
    request = json.load(sys.stdin)
    try:
        answer = ask(request)
    except RefusedError as error:
        answer = {"error": error.kind, "text": str(error)}
    json.dump(answer, sys.stdout)


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Return commit and files (base64 by path); without files when the commit is the known one."""
    from dulwich.client import HTTPUnauthorized
    from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
    from urllib3.exceptions import HTTPError

    try:
        return _ask(request)
    except HTTPUnauthorized as error:
        raise RefusedError("authentication", "the repository asks for other credentials") from error
    except NotGitRepository as error:
        raise RefusedError("authentication", "there is no such repository, or it needs credentials") from error
    except (GitProtocolError, HangupException, HTTPError, OSError) as error:
        raise RefusedError("connection", f"{type(error).__name__}: {error}"[:500]) from error


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    from dulwich.client import get_transport_and_path
    from dulwich.repo import MemoryRepo

    with tempfile.TemporaryDirectory() as directory:
        client, path = get_transport_and_path(request["url"], **_credentials(request, Path(directory)))
        reference = request["reference"]
        commit = reference if is_commit(reference) else resolve(client.get_refs(path.encode()).refs, reference)
        if commit == request.get("known"):
            return {"commit": commit}
        repository = MemoryRepo()
        _fetch(client, path, repository, commit.encode())
        return {"commit": commit, "files": dict(files_of(repository, commit.encode(), request["baseDir"]))}


def _credentials(request: dict[str, Any], directory: Path) -> dict[str, Any]:
    basic = {name: request[name] for name in ("username", "password") if request.get(name)}
    if not request.get("key"):
        return basic
    path = directory / "key"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_plain_key(request["key"], request.get("passphrase")))
    known_hosts = request.get("knownHosts", "/dev/null")
    options = f"-o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={known_hosts}"
    return {"key_filename": str(path), "ssh_command": f"ssh {options} -o IdentitiesOnly=yes"}


def _plain_key(key: str, passphrase: str | None) -> bytes:
    if not passphrase:
        return key.strip().encode() + b"\n"
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_ssh_private_key,
    )

    try:
        loaded = load_ssh_private_key(key.encode(), passphrase.encode())
    except ValueError as error:
        raise RefusedError("authentication", "the key does not open with this password") from error
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def is_commit(reference: str) -> bool:
    """Say whether a reference is a commit itself."""
    return len(reference) == _COMMIT_LETTERS and all(letter in "0123456789abcdef" for letter in reference.lower())


def resolve(refs: Any, reference: str) -> str:
    """Return the commit of a branch or tag, by its short or full name; of an annotated tag the commit it marks."""
    for name in (f"refs/heads/{reference}", f"refs/tags/{reference}^{{}}", f"refs/tags/{reference}", reference):
        found = refs.get(name.encode())
        if found:
            return str(found.decode())
    raise RefusedError("reference", "reference not found")


def _fetch(client: Any, path: str, repository: Any, commit: bytes) -> None:
    from dulwich.errors import GitProtocolError, HangupException

    try:
        client.fetch(path, repository, determine_wants=lambda _refs, **_: [commit], depth=1)
    except (GitProtocolError, HangupException, KeyError):  # a server that gives only what it advertises
        client.fetch(path, repository)
    if commit not in repository.object_store:
        client.fetch(path, repository)
    if commit not in repository.object_store:
        raise RefusedError("reference", "reference not found")


def files_of(repository: Any, commit: bytes, base: str) -> Iterator[tuple[str, str]]:
    """Return path and content (base64) of every file below the base directory."""
    number = size = 0
    for path, blob in _walk(repository, _base_of(repository, commit, base), ""):
        number, size = number + 1, size + len(blob)
        if number > FILES_LIMIT or size > BYTES_LIMIT:
            raise RefusedError(
                "content", f"'{base}' holds more than {FILES_LIMIT} files or {BYTES_LIMIT // 1024**2} MiB"
            )
        yield path, base64.b64encode(blob).decode()


def _base_of(repository: Any, commit: bytes, base: str) -> bytes:
    from dulwich.objects import Tag

    found = repository[commit]
    while isinstance(found, Tag):
        found = repository[found.object[1]]
    tree: bytes = found.tree
    for part in (part for part in base.split("/") if part not in ("", ".")):
        try:
            mode, tree = repository[tree][part.encode()]
        except KeyError as error:
            raise RefusedError("content", f"there is no directory '{base}' in the repository") from error
        if not stat.S_ISDIR(mode):
            raise RefusedError("content", f"'{base}' is no directory")
    return tree


def _walk(repository: Any, tree: bytes, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in repository[tree].items():
        if entry.path in _SKIPPED:
            continue
        name = entry.path.decode("utf-8", "replace")
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise RefusedError("content", f"'{prefix}{name}' is no name of a file")
        if stat.S_ISDIR(entry.mode):
            yield from _walk(repository, entry.sha, f"{prefix}{name}/")
        elif stat.S_ISREG(entry.mode):
            yield f"{prefix}{name}", repository[entry.sha].data
        else:
            raise RefusedError("content", f"'{prefix}{name}' is a link or a submodule, which is not followed")


if __name__ == "__main__":
    main()
