"""Which kind a document or a word means, and which documents the hub has no use for."""

from collections.abc import Iterable, Sequence
from typing import Any

from hub.kernel.errors import InvalidField, InvalidInput, MissingField
from hub.kernel.resource import Kind, need_map, need_text

_WORKLOAD = "the hub runs Functions, not containers; run it beside the hub"
_SKIPPED_KINDS = {
    "Namespace": "scopes need no declaration; use metadata.namespace or --scope",
    "ServiceAccount": "the hub has identities of its own",
    "Service": "reach a service of yours by its URL",
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod", "Job", "CronJob"),
        _WORKLOAD,
    ),
    **dict.fromkeys(("PersistentVolume", "PersistentVolumeClaim"), "the hub keeps its state in its data directory"),
    **dict.fromkeys(("Endpoints", "Event", "LimitRange", "ResourceQuota", "Node"), "it belongs to a cluster"),
}
_BUILT_IN_GROUPS = ("", "apps", "batch", "extensions")
_SKIPPED_GROUPS = {
    "k8s.io": "it belongs to a cluster",
    "autoscaling": "workers scale by the number of processes",
    "policy": "it belongs to a cluster",
    "istio.io": "the hub has no service mesh",
    "gardener.cloud": "it belongs to a cluster",
    "knative.dev": "it belongs to Knative",
    "cert-manager.io": "the hub has an authority of its own",
    "monitoring.coreos.com": "metrics are served for scraping without it",
    "kyma-project.io": "this hub does not serve it",
}


def kind_named(kinds: Iterable[Kind], word: str) -> Kind:
    """Return the kind that a person means; looks no further than it must.

    Raises:
        InvalidInput: there is none; the text lists them.
    """
    seen = []
    for kind in kinds:
        if kind.answers_to(word):
            return kind
        seen.append(kind.plural)
    known = ", ".join(sorted(seen))
    raise InvalidInput(f"There is no kind '{word[:80]}'; there are {known}.")


def kind_of(kinds: Sequence[Kind], document: Any) -> Kind | str:
    """Return the kind of a document, or why the hub has no use for it.

    Raises:
        InvalidField, MissingField: neither is known of it; with the path of the field.
    """
    top = need_map(document, "")
    word, version = need_text(top.get("kind"), "kind"), need_text(top.get("apiVersion"), "apiVersion")
    group = version.rpartition("/")[0]
    alike = [kind for kind in kinds if kind.kind == word and group in _groups(kind)]
    if alike and version in alike[0].api_versions:
        return alike[0]
    if alike:
        raise InvalidField(
            f"apiVersion '{version}' of {word} is not known; known: {', '.join(alike[0].api_versions)}.",
            field="apiVersion",
        )
    reason = _reason(kinds, word, group)
    if reason is None:
        raise InvalidField(f"kind '{word[:80]}' of '{version[:80]}' is not known.", field="kind")
    return reason


def _groups(kind: Kind) -> set[str]:
    return {version.rpartition("/")[0] for version in kind.api_versions}


def _reason(kinds: Sequence[Kind], word: str, group: str) -> str | None:
    if group in _BUILT_IN_GROUPS:
        return _SKIPPED_KINDS.get(word)
    if any(group in _groups(kind) for kind in kinds) and word not in _RETIRED:
        return None
    return next((why for known, why in _SKIPPED_GROUPS.items() if group == known or group.endswith(f".{known}")), None)


_RETIRED = {"TokenRequest", "ApplicationMapping", "EventActivation", "GitRepository", "EventingBackend"}
"""Kinds of upstream in groups that the hub serves other kinds of."""


def name_of(document: Any) -> str:
    """Return the name of a document for messages, whatever is in it."""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name[:80] if isinstance(name, str) and name else "?"


def need_target(kind: Kind, document: dict[str, Any], scope: str) -> tuple[str, str]:
    """Return name and scope of a document that is to be deleted.

    Raises:
        MissingField: it has no name.
    """
    metadata = need_map(document.get("metadata"), "metadata")
    name = need_text(metadata.get("name"), "metadata.name")
    if metadata.get("namespace") is not None and not isinstance(metadata["namespace"], str):
        raise MissingField("metadata.namespace must be text.", field="metadata.namespace")
    return name, (metadata.get("namespace") or scope) if kind.scoped else ""
