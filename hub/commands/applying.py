"""Asks the owners of the kinds to apply or delete documents, and reports one row per document."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from hub.commands.manifests import Manifest
from hub.commands.selection import kind_of, name_of, need_target
from hub.commands.session import say, say_json
from hub.kernel.errors import HubError
from hub.kernel.resource import Kind

if TYPE_CHECKING:
    from hub.commands.session import Session

Row = dict[str, Any]
"""`outcome` (created, configured, unchanged, deleted, skipped, refused), `kind`, `name`, and where it stands."""


def need_files(files: list[str] | None) -> list[str]:
    """Return the files to read; none is wrong usage."""
    if not files:
        raise typer.BadParameter("Name what to read with -f: a file, a folder, or '-'.")
    return files


async def apply_manifests(
    session: "Session", kinds: Sequence[Kind], manifests: Sequence[Manifest], *, scope: str, strict: bool
) -> list[Row]:
    """Apply documents in their order; with strict only when every one of them would be applied."""
    if strict:
        judged = [await _apply_one(session, kinds, each, scope, dry_run=True) for each in manifests]
        if any(row["outcome"] in ("refused", "skipped") for row in judged):
            return [row if row["outcome"] in ("refused", "skipped") else _held_back(row) for row in judged]
    return [await _apply_one(session, kinds, each, scope, dry_run=False) for each in manifests]


def _held_back(row: Row) -> Row:
    return row | {"outcome": "not applied", "reason": "another document was refused or skipped"}


async def _apply_one(
    session: "Session", kinds: Sequence[Kind], manifest: Manifest, scope: str, *, dry_run: bool
) -> Row:
    try:
        found = _kind(kinds, manifest)
        if isinstance(found, str):
            return _row(manifest, "skipped") | {"reason": found}
        request = {"document": manifest.document, "scope": scope, "dryRun": dry_run}
        answer = await session.ask(found.plural, "apply", request)
    except HubError as error:
        return _refused(manifest, error)
    return _row(manifest, str(answer["outcome"])) | _scope(answer["resource"])


async def delete_manifests(
    session: "Session", kinds: Sequence[Kind], manifests: Sequence[Manifest], scope: str
) -> list[Row]:
    """Delete what documents name, the last one first."""
    return [await _delete_manifest(session, kinds, each, scope) for each in reversed(manifests)]


async def _delete_manifest(session: "Session", kinds: Sequence[Kind], manifest: Manifest, scope: str) -> Row:
    try:
        found = _kind(kinds, manifest)
        if isinstance(found, str):
            return _row(manifest, "skipped") | {"reason": found}
        name, where = need_target(found, manifest.document, scope)
        return _row(manifest, "deleted") | await delete_one(session, found, name, where)
    except HubError as error:
        return _refused(manifest, error)


async def delete_one(session: "Session", kind: Kind, name: str, scope: str) -> Row:
    """Delete one resource.

    Raises:
        NotFound: it is not there.
    """
    answer = await session.ask(kind.plural, "delete", {"name": name, "scope": scope})
    return {"outcome": "deleted", "kind": kind.kind, "name": name} | _scope(answer["resource"])


def _kind(kinds: Sequence[Kind], manifest: Manifest) -> Kind | str:
    if manifest.problem is not None:
        raise manifest.problem
    return kind_of(kinds, manifest.document)


def _row(manifest: Manifest, outcome: str) -> Row:
    document = manifest.document if isinstance(manifest.document, dict) else {}
    kind = document.get("kind")
    return {
        "outcome": outcome,
        "kind": kind if isinstance(kind, str) else "document",
        "name": name_of(document),
        "file": manifest.file,
        "document": manifest.number,
    }


def _refused(manifest: Manifest, error: HubError) -> Row:
    field = error.fields.get("field")
    return _row(manifest, "refused") | {"reason": error.detail} | ({"field": field} if field else {})


def _scope(resource: dict[str, Any]) -> Row:
    namespace = resource["metadata"].get("namespace")
    return {"scope": namespace} if namespace else {}


def report(rows: Sequence[Row], output: str) -> int:
    """Write what became of each document; returns the exit status."""
    if output == "json":
        say_json(rows)
    else:
        for row in rows:
            say(_line(row))
    return 1 if any(row["outcome"] in ("refused", "not applied") for row in rows) else 0


def _line(row: Row) -> str:
    subject = f"{str(row['kind']).lower()}/{row['name']} {row['outcome']}"
    if "reason" not in row:
        return subject
    return f"{subject} ({row['file']}, document {row['document']}): {' '.join(str(row['reason']).split())}"
