"""The kind of resource that functions owns: Function."""

from dataclasses import replace

from hub.functions.admission import need_spec
from hub.functions.conditions import CONFIGURED, READY, RUNNING, condition_of
from hub.functions.conversion import OLD_VERSION, converted
from hub.kernel.resource import Column, Kind, Resource

API_VERSION = "serverless.kyma-project.io/v1alpha2"


def admit_function(new: Resource, _old: Resource | None) -> Resource:
    """Judge a Function of either version; an older one is converted first."""
    resource = converted(new)
    return replace(resource, spec=need_spec(resource.spec))


def _status(kind: str) -> Column:
    titles = {CONFIGURED: "Configured", RUNNING: "Running", READY: "Ready"}
    return Column(titles[kind], lambda resource: str(condition_of(resource, kind).get("status", "Unknown")))


def _message(resource: Resource) -> str:
    ready = condition_of(resource, READY)
    return "" if ready.get("status") == "True" else str(ready.get("message", "")).split("\n", 1)[0][:120]


FUNCTION = Kind(
    kind="Function",
    plural="functions",
    api_versions=(API_VERSION, OLD_VERSION),
    admit=admit_function,
    short_names=("fn", "fns"),
    columns=(
        _status(READY),
        _status(CONFIGURED),
        _status(RUNNING),
        Column("Runtime", lambda resource: str(resource.spec.get("runtime", ""))),
        Column("Version", lambda resource: str(resource.generation)),
        Column("Created", lambda resource: resource.created),
        Column("Message", _message),
    ),
    description="Code of yours that the hub runs: triggered by events, called over HTTP.",
    fields={
        "spec.runtime": "python312; older names run on the hub's own interpreter. Node runtimes are kept, not run yet.",
        "spec.source.inline.source": "The code; defines `main(event, context)`.",
        "spec.source.inline.dependencies": "Text of requirements.txt.",
        "spec.source.gitRepository": "url, baseDir, reference, auth: kept, not run yet.",
        "spec.env": "Variables: name with value, or valueFrom a Secret or ConfigMap (secretKeyRef, configMapKeyRef).",
        "spec.replicas": "Accepted; one process answers.",
        "spec.scaleConfig": "minReplicas, maxReplicas: accepted, deprecated upstream.",
        "spec.resourceConfiguration": "Profile (XS, S, M, L, XL) or resources: checked, not enforced yet.",
        "spec.secretMounts": "secretName, mountPath: checked, not mounted yet.",
        "spec.labels": "Labels of the process; no key may begin with serverless.kyma-project.io/.",
        "spec.annotations": "Annotations of the process; the same rule.",
    },
)

KINDS = (FUNCTION,)
