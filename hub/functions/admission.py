"""Is this Function acceptable? Strict, with the path of each field and upstream's own texts. Pure.

What upstream's schema refuses is refused here and nothing is stored. What upstream's controller finds later (`checks`)
ends in the status instead.

Source: kyma-project/serverless:components/buildless-serverless/api/v1alpha2/function_types.go.
"""

from collections.abc import Mapping
from typing import Any

from hub.functions import routing, runtimes
from hub.functions.environment import RESERVED
from hub.functions.resources import PROFILES, amount
from hub.kernel.errors import InvalidField, MissingField
from hub.kernel.resource import need_map, need_text, refuse_unknown, text_map

SPEC = frozenset({
    "runtime", "runtimeImageOverride", "source", "env", "resourceConfiguration", "scaleConfig", "replicas", "template",
    "secretMounts", "labels", "annotations", "podSecurityContext", "containerSecurityContext", *routing.FIELDS,
})  # fmt: skip
OWN_PREFIX = "serverless.kyma-project.io/"
SOURCE_LIMIT_BYTES = 900_000
"""The event store takes no value above one megabyte."""

Spec = Mapping[str, Any]


def need_spec(spec: Spec) -> dict[str, Any]:
    """Return the spec with its defaults, when it is acceptable.

    Raises:
        InvalidField, MissingField: with the path of the field.
    """
    refuse_unknown(spec, SPEC, "spec")
    given = {name: value for name, value in spec.items() if value is not None}
    source = _need_source(given.get("source"))
    admitted = given | {"source": source, "runtime": _need_runtime(given.get("runtime"), source)}
    if not isinstance(given.get("runtimeImageOverride", ""), str):
        raise _invalid("spec.runtimeImageOverride", "must be text")
    if "env" in given:
        admitted["env"] = _need_env(given["env"])
    _need_scale(given)
    _need_resources(given.get("resourceConfiguration"))
    _need_mounts(given.get("secretMounts", []))
    _need_marks(given)
    routing.need_routing(given)
    for name in ("podSecurityContext", "containerSecurityContext"):
        need_map(given.get(name, {}), f"spec.{name}")
    return admitted


def _invalid(path: str, text: str) -> InvalidField:
    return InvalidField(f"{path}: {text}", field=path)


def _need_runtime(runtime: Any, source: Spec) -> str:
    if runtime is None or runtime == "":
        text = source.get("inline", {}).get("source", "")
        return "python312" if "def main(" in text else runtimes.DEFAULT
    if not isinstance(runtime, str) or not runtimes.is_known(runtime):
        raise _invalid("spec.runtime", runtimes.refusal(str(runtime)))
    return str(runtime)


def _need_source(value: Any) -> dict[str, Any]:
    source = {name: part for name, part in need_map(value or {}, "spec.source").items() if part is not None}
    refuse_unknown(source, {"inline", "gitRepository"}, "spec.source")
    if len(source) != 1:
        raise _invalid("spec.source", "Invalid value: Use GitRepository or Inline source")
    if "inline" in source:
        return {"inline": _need_inline(source["inline"])}
    return {"gitRepository": _need_repository(source["gitRepository"])}


def _need_inline(value: Any) -> dict[str, Any]:
    path = "spec.source.inline"
    inline = need_map(value, path)
    refuse_unknown(inline, {"source", "dependencies"}, path)
    source, dependencies = inline.get("source"), inline.get("dependencies")
    if source is None:
        raise MissingField(f"{path}.source is missing.", field=f"{path}.source")
    if not isinstance(source, str):
        raise _invalid(f"{path}.source", f"must be text, not {type(source).__name__}")
    if not source:
        raise _too_short(f"{path}.source")
    if dependencies is not None and not isinstance(dependencies, str):
        raise _invalid(f"{path}.dependencies", f"must be text, not {type(dependencies).__name__}")
    if len(source.encode()) + len((dependencies or "").encode()) > SOURCE_LIMIT_BYTES:
        raise _invalid(f"{path}.source", f"source and dependencies have more than {SOURCE_LIMIT_BYTES} bytes")
    return {"source": source} | ({"dependencies": dependencies} if dependencies else {})


def _need_repository(value: Any) -> dict[str, Any]:
    path = "spec.source.gitRepository"
    repository = need_map(value, path)
    refuse_unknown(repository, {"url", "baseDir", "reference", "auth"}, path)
    need_text(repository.get("url"), f"{path}.url")
    for name, title in (("baseDir", "BaseDir"), ("reference", "Reference")):
        if not str(repository.get(name) or "").strip():
            raise _invalid(path, f"Invalid value: {title} is required and cannot be empty")
        need_text(repository[name], f"{path}.{name}")
    if repository.get("auth") is not None:
        _need_auth(need_map(repository["auth"], f"{path}.auth"), f"{path}.auth")
    return dict(repository)


def _need_auth(auth: Spec, path: str) -> None:
    refuse_unknown(auth, {"type", "secretName"}, path)
    if auth.get("type") not in ("basic", "key"):
        raise _invalid(f"{path}.type", f'Unsupported value: "{auth.get("type")}": supported values: "basic", "key"')
    secret = auth.get("secretName")
    if not str(secret or "").strip():
        text = f'Invalid value: "{secret or ""}": SecretName is required and cannot be empty'
        raise _invalid(f"{path}.secretName", text)


def _need_list(value: Any, path: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _invalid(path, f"must be a list, not {type(value).__name__}")
    return [need_map(item, f"{path}[{index}]") for index, item in enumerate(value)]


def _need_env(value: Any) -> list[dict[str, Any]]:
    entries = _need_list(value, "spec.env")
    for index, entry in enumerate(entries):
        _need_entry(entry, f"spec.env[{index}]")
    if any(entry["name"] in RESERVED for entry in entries):
        names = ",".join(f"'{name}'" for name in RESERVED)
        raise _invalid("spec.env", f"Invalid value: Following envs are reserved and cannot be used: [{names}]")
    return entries


def _need_entry(entry: Spec, path: str) -> None:
    refuse_unknown(entry, {"name", "value", "valueFrom"}, path)
    need_text(entry.get("name"), f"{path}.name")
    value, source = entry.get("value"), entry.get("valueFrom")
    if value is not None and not isinstance(value, str):
        raise _invalid(f"{path}.value", f"must be text, not {type(value).__name__}; put it in quotes")
    if source is None:
        return
    if value:
        raise _invalid(path, "give either value or valueFrom")
    _need_reference(need_map(source, f"{path}.valueFrom"), f"{path}.valueFrom")


def _need_reference(references: Spec, path: str) -> None:
    refuse_unknown(references, {"secretKeyRef", "configMapKeyRef"}, path)
    if len(references) != 1:
        raise _invalid(path, "give one of secretKeyRef and configMapKeyRef")
    field, reference = next(iter(references.items()))
    refuse_unknown(need_map(reference, f"{path}.{field}"), {"name", "key", "optional"}, f"{path}.{field}")
    for name in ("name", "key"):
        need_text(reference.get(name), f"{path}.{field}.{name}")


def _need_scale(spec: Spec) -> None:
    _need_number(spec.get("replicas"), "spec.replicas", least=0)
    if "scaleConfig" not in spec:
        return
    scale = need_map(spec["scaleConfig"], "spec.scaleConfig")
    refuse_unknown(scale, {"minReplicas", "maxReplicas"}, "spec.scaleConfig")
    for name in ("minReplicas", "maxReplicas"):
        if scale.get(name) is None:
            raise MissingField(f"spec.scaleConfig.{name} is missing.", field=f"spec.scaleConfig.{name}")
        _need_number(scale[name], f"spec.scaleConfig.{name}", least=1)
    least, most = scale["minReplicas"], scale["maxReplicas"]
    if most < least:
        said = f"Invalid value: {most}: should not be below minReplicas ({least})"
        raise _invalid("spec.scaleConfig.maxReplicas", said)


def _need_number(value: Any, path: str, *, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise _invalid(path, f"must be a number, not {type(value).__name__}")
    if value < least:
        raise _invalid(path, f"Invalid value: {value}: {path} in body should be greater than or equal to {least}")


def _need_resources(value: Any) -> None:
    path = "spec.resourceConfiguration"
    if value is None:
        return
    refuse_unknown(need_map(value, path), set(PROFILES), path)
    for name, profiles in PROFILES.items():
        if value.get(name) is not None:
            _need_profile(need_map(value[name], f"{path}.{name}"), f"{path}.{name}", profiles)


def _need_profile(part: Spec, path: str, profiles: tuple[str, ...]) -> None:
    refuse_unknown(part, {"profile", "resources"}, path)
    profile, resources = part.get("profile"), part.get("resources")
    if (profile is None) == (resources is None):
        raise _invalid(path, "Invalid value: Use profile or resources")
    if profile is not None and profile not in profiles:
        names = ",".join(f"'{name}'" for name in profiles)
        raise _invalid(path, f"Invalid value: Invalid profile, please use one of: [{names}]")
    parts = need_map(resources or {}, f"{path}.resources")
    refuse_unknown(parts, {"limits", "requests", "claims"}, f"{path}.resources")
    for part_name in ("limits", "requests"):
        _need_amounts(parts.get(part_name) or {}, f"{path}.resources.{part_name}")


def _need_amounts(value: Any, path: str) -> None:
    for name, quantity in need_map(value, path).items():
        number = amount(quantity)
        if number is None or number < 0:
            raise _invalid(f"{path}.{name}", f"Invalid value: {quantity!r} is no quantity; write 100m, 1.5 or 64Mi")


def _need_mounts(value: Any) -> None:
    for index, mount in enumerate(_need_list(value, "spec.secretMounts")):
        path = f"spec.secretMounts[{index}]"
        refuse_unknown(mount, {"secretName", "mountPath"}, path)
        for name in ("secretName", "mountPath"):
            if not mount.get(name):
                raise _too_short(f"{path}.{name}")
            need_text(mount[name], f"{path}.{name}")


def _too_short(path: str) -> InvalidField:
    return _invalid(path, f'Invalid value: "": {path} in body should be at least 1 chars long')


def _need_marks(spec: Spec) -> None:
    for name, title in (("labels", "Labels"), ("annotations", "Annotations")):
        marks = text_map(spec.get(name), f"spec.{name}")
        if any(key.startswith(OWN_PREFIX) for key in marks):
            text = f"Invalid value: {title} has key starting with {OWN_PREFIX} which is not allowed"
            raise _invalid(f"spec.{name}", text)
    if any(len(key) > 63 for key in spec.get("labels") or {}):
        raise _invalid("spec.labels", "Invalid value: Label value cannot be longer than 63")
    if "proxy.istio.io/config" in (spec.get("annotations") or {}):
        text = "Invalid value: Annotations has key proxy.istio.io/config which is not allowed"
        raise _invalid("spec.annotations", text)
    template = need_map(spec.get("template", {}), "spec.template")
    refuse_unknown(template, {"labels", "annotations"}, "spec.template")
    if template:
        text = "Not supported: Use spec.labels and spec.annotations to label and/or annotate Function's Pods."
        raise _invalid("spec.template", f"Invalid value: {text}")
