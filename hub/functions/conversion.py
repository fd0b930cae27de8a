"""Functions of the older version `v1alpha1`, as the version that is stored. Pure.

Source: kyma-project/kyma:components/function-controller/internal/webhook/conversion_webhook.go@2.10.0.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub.kernel.errors import InvalidField
from hub.kernel.resource import Resource, refuse_unknown

OLD_VERSION = "serverless.kyma-project.io/v1alpha1"
REPOSITORY_ANNOTATION = "serverless.kyma-project.io/v1alpha1GitRepoName"
_PRESETS = {
    "function": "serverless.kyma-project.io/function-resources-preset",
    "build": "serverless.kyma-project.io/build-resources-preset",
}
_OLD_SPEC = frozenset({
    "source", "deps", "runtime", "runtimeImageOverride", "env", "resources", "buildResources", "minReplicas",
    "maxReplicas", "labels", "type", "baseDir", "reference",
})  # fmt: skip
_KEPT = ("runtime", "runtimeImageOverride", "env", "labels")
_MISSING_URL = "unknown:"


def converted(resource: Resource) -> Resource:
    """Return a `v1alpha1` Function as `v1alpha2`; any other as it is.

    A Git source named a GitRepository object, which the hub does not have: the name goes into upstream's annotation,
    and the status says what is missing.

    Raises:
        InvalidField: a field that the old version does not have.
    """
    if resource.api_version != OLD_VERSION:
        return resource
    old = {name: value for name, value in resource.spec.items() if value is not None}
    refuse_unknown(old, _OLD_SPEC, "spec")
    if old.get("type") not in (None, "", "git"):
        raise InvalidField("spec.type: use 'git', or leave it out for inline source.", field="spec.type")
    spec: dict[str, Any] = {name: old[name] for name in _KEPT if name in old}
    spec["source"] = _repository(old) if old.get("type") == "git" else _inline(old)
    annotations = resource.annotations
    if old.get("type") == "git":
        annotations = annotations | {REPOSITORY_ANNOTATION: str(old.get("source", ""))}
    labels = {name: value for name, value in resource.labels.items() if name not in _PRESETS.values()}
    spec |= _resources(old, resource.labels) | _scale(old)
    return replace(resource, spec=spec, labels=labels, annotations=annotations)


def repository_is_known(repository: Mapping[str, Any]) -> bool:
    """Say whether a Git source has an address; a converted one has only a name."""
    return str(repository.get("url")) != _MISSING_URL


def _inline(old: Mapping[str, Any]) -> dict[str, Any]:
    inline = {"source": old.get("source", "")} | ({"dependencies": old["deps"]} if old.get("deps") else {})
    return {"inline": inline}


def _repository(old: Mapping[str, Any]) -> dict[str, Any]:
    base, reference = old.get("baseDir") or "/", old.get("reference") or "main"
    return {"gitRepository": {"url": _MISSING_URL, "baseDir": base, "reference": reference}}


def _resources(old: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    for part, field in (("function", "resources"), ("build", "buildResources")):
        if labels.get(_PRESETS[part]):
            configuration[part] = {"profile": labels[_PRESETS[part]]}
        elif old.get(field):
            configuration[part] = {"resources": old[field]}
    return {"resourceConfiguration": configuration} if configuration else {}


def _scale(old: Mapping[str, Any]) -> dict[str, Any]:
    least, most = old.get("minReplicas"), old.get("maxReplicas")
    if least is None and most is None:
        return {}
    least = least if least is not None else 1
    most = most if most is not None else least
    return {"scaleConfig": {"minReplicas": least, "maxReplicas": most}, "replicas": least}
