"""Functions of older generations, as the version that is stored. Pure.

Source: kyma-project/kyma:components/function-controller/internal/webhook/conversion_webhook.go@2.10.0 for `v1alpha1`,
kyma-project/kyma:resources/core/charts/kubeless/templates/kubeless-crd.yaml@1.4.0 for kubeless.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from hub.kernel.errors import InvalidField
from hub.kernel.resource import Resource, refuse_unknown

OLD_VERSION = "serverless.kyma-project.io/v1alpha1"
KUBELESS_VERSION = "kubeless.io/v1beta1"
REPOSITORY_ANNOTATION = "serverless.kyma-project.io/v1alpha1GitRepoName"
MOUNTS_ANNOTATION = "serverless.kyma-project.io/v1alpha1SecretMounts"
TOPIC_ANNOTATION = "kubeless.io/topic"
_PRESETS = {
    "function": "serverless.kyma-project.io/function-resources-preset",
    "build": "serverless.kyma-project.io/build-resources-preset",
}
_REPLICAS_PRESET = "serverless.kyma-project.io/replicas-preset"
_REPLICAS = {"S": (1, 1), "M": (1, 2), "L": (1, 5), "XL": (1, 10)}
_OLD_SPEC = frozenset({
    "source", "deps", "runtime", "runtimeImageOverride", "env", "resources", "buildResources", "minReplicas",
    "maxReplicas", "labels", "type", "baseDir", "reference",
})  # fmt: skip
_KEPT = ("runtime", "runtimeImageOverride", "env", "labels")
_MISSING_URL = "unknown:"
_TEXT_TYPES = ("", "text", "plaintext")

Fields = Mapping[str, Any]


def converted(resource: Resource) -> Resource:
    """Return a Function of an older version as `v1alpha2`; any other as it is.

    A Git source of `v1alpha1` named a GitRepository object, which the hub does not have: the name goes into upstream's
    annotation, and the status says what is missing.

    Raises:
        InvalidField: a field that the old version does not have, or that says what cannot be run here.
    """
    if resource.api_version == OLD_VERSION:
        return _from_old(resource)
    return _from_kubeless(resource) if resource.api_version == KUBELESS_VERSION else resource


def _from_old(resource: Resource) -> Resource:
    old = {name: value for name, value in resource.spec.items() if value is not None}
    refuse_unknown(old, _OLD_SPEC, "spec")
    if old.get("type") not in (None, "", "git"):
        raise InvalidField("spec.type: use 'git', or leave it out for inline source.", field="spec.type")
    spec: dict[str, Any] = {name: old[name] for name in _KEPT if name in old}
    spec["source"] = _repository(old) if old.get("type") == "git" else _inline(old)
    annotations = dict(resource.annotations)
    if old.get("type") == "git":
        annotations[REPOSITORY_ANNOTATION] = str(old.get("source", ""))
    if MOUNTS_ANNOTATION in annotations:
        spec["secretMounts"] = _mounts(annotations.pop(MOUNTS_ANNOTATION))
    presets = {*_PRESETS.values(), _REPLICAS_PRESET}
    labels = {name: value for name, value in resource.labels.items() if name not in presets}
    spec |= _resources(old, resource.labels) | _scale(old, resource.labels)
    return replace(resource, spec=spec, labels=labels, annotations=annotations)


def repository_is_known(repository: Fields) -> bool:
    """Say whether a Git source has an address; a converted one has only a name."""
    return str(repository.get("url")) != _MISSING_URL


def _inline(old: Fields) -> dict[str, Any]:
    inline = {"source": old.get("source", "")} | ({"dependencies": old["deps"]} if old.get("deps") else {})
    return {"inline": inline}


def _repository(old: Fields) -> dict[str, Any]:
    base, reference = old.get("baseDir") or "/", old.get("reference") or "main"
    return {"gitRepository": {"url": _MISSING_URL, "baseDir": base, "reference": reference}}


def _mounts(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        path = f"metadata.annotations.{MOUNTS_ANNOTATION}"
        raise InvalidField(f"{path} is not JSON: {error}.", field=path) from error


def _resources(old: Fields, labels: Mapping[str, str]) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    for part, field in (("function", "resources"), ("build", "buildResources")):
        if labels.get(_PRESETS[part]):
            configuration[part] = {"profile": labels[_PRESETS[part]]}
        elif old.get(field):
            configuration[part] = {"resources": old[field]}
    return {"resourceConfiguration": configuration} if configuration else {}


def _scale(old: Fields, labels: Mapping[str, str]) -> dict[str, Any]:
    least, most = old.get("minReplicas"), old.get("maxReplicas")
    if least is None and most is None:
        least, most = _REPLICAS.get(labels.get(_REPLICAS_PRESET, ""), (None, None))
    if least is None and most is None:
        return {}
    least = least if least is not None else 1
    most = most if most is not None else least
    return {"scaleConfig": {"minReplicas": least, "maxReplicas": most}, "replicas": least}


def _from_kubeless(resource: Resource) -> Resource:
    """Convert a Function of Kyma 1; upstream checked none of its fields, so what is not used is passed over."""
    old = resource.spec
    spec: dict[str, Any] = {"runtime": old.get("runtime") or "nodejs8", "source": {"inline": _kubeless_source(old)}}
    container = _container(old)
    env = [entry for entry in container.get("env") or [] if isinstance(entry, dict)]
    handler, timeout = str(old.get("handler") or ""), str(old.get("timeout") or "")
    module, dot, exported = handler.rpartition(".")
    if dot and exported != "main":
        path = "spec.handler"
        raise InvalidField(f"{path}: '{exported}' of {module}: export the handler as 'main'.", field=path)
    if timeout:
        env.append({"name": "FUNC_TIMEOUT", "value": timeout})
    if env:
        spec["env"] = env
    if container.get("resources"):
        spec["resourceConfiguration"] = {"function": {"resources": container["resources"]}}
    topic = str(old.get("topic") or "")
    annotations = resource.annotations | ({TOPIC_ANNOTATION: topic} if topic else {})
    return replace(resource, spec=spec, annotations=annotations)


def _kubeless_source(old: Fields) -> dict[str, Any]:
    kind, source = str(old.get("function-content-type") or ""), old.get("function") or ""
    if kind == "base64":
        try:
            source = base64.b64decode(source, validate=True).decode()
        except (ValueError, binascii.Error, TypeError) as error:
            raise InvalidField("spec.function is not text in base64.", field="spec.function") from error
    elif kind not in _TEXT_TYPES:
        field = "spec.function-content-type"
        raise InvalidField(f"{field}: '{kind}' is not taken; give the source as text or base64.", field=field)
    return {"source": source} | ({"dependencies": old["deps"]} if old.get("deps") else {})


def _container(old: Fields) -> Fields:
    found: Any = old.get("deployment")
    for name in ("spec", "template", "spec", "containers"):
        found = found.get(name) if isinstance(found, dict) else None
    first = found[0] if isinstance(found, list) and found else {}
    return first if isinstance(first, dict) else {}
