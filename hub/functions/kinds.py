"""The kind of resource that functions owns: Function."""

from dataclasses import replace

from hub.functions.admission import need_spec
from hub.functions.conditions import CONFIGURED, READY, RUNNING, condition_of
from hub.functions.conversion import KUBELESS_VERSION, OLD_VERSION, converted
from hub.kernel.resource import Column, Kind, Resource

API_VERSION = "serverless.kyma-project.io/v1alpha2"


def admit_function(new: Resource, _old: Resource | None) -> Resource:
    """Judge a Function of any version; an older one is converted first."""
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
    api_versions=(API_VERSION, OLD_VERSION, KUBELESS_VERSION),
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
        "spec.runtime": "nodejs20, nodejs22, nodejs24, python312; nodejs26 and python314 get the request itself."
        " Other versions run on the interpreter there is, and the status says so.",
        "spec.source.inline.source": "The code; defines `main(event, context)`.",
        "spec.source.inline.dependencies": "Text of requirements.txt or package.json.",
        "spec.source.gitRepository.url": "Address: https, git or ssh.",
        "spec.source.gitRepository.baseDir": "Directory that holds handler.py or handler.js.",
        "spec.source.gitRepository.reference": "Branch, tag or commit; branches and tags are looked up again.",
        "spec.source.gitRepository.auth.type": "basic (user name and password or token) or key (SSH).",
        "spec.source.gitRepository.auth.secretName": "Secret with the credentials, in the Function's scope.",
        "spec.env": "Variables: name with value, or valueFrom a Secret or ConfigMap (secretKeyRef, configMapKeyRef).",
        "spec.replicas": "Number of processes. Absent: one at most, started when it is called. 0: none at rest.",
        "spec.scaleConfig": "minReplicas, maxReplicas: as many processes as the backlog asks for.",
        "spec.resourceConfiguration.function.profile": "XS, S, M, L (default) or XL: memory of a process.",
        "spec.resourceConfiguration.function.resources": "limits and requests instead of a profile.",
        "spec.secretMounts": "secretName, mountPath: the Secret's values as files at that path.",
        "spec.labels": "Labels of the process; no key may begin with serverless.kyma-project.io/.",
        "spec.annotations": "Annotations of the process; the same rule.",
        "spec.traffic": "The hub's own: list of revision (a number of `hub function revisions`, or latest) and percent"
        " of the calls. What nobody gets, the newest revision gets; absent: all.",
        "spec.shadow.revision": "The hub's own: a revision that gets the same events beside; what it publishes and asks"
        " of the gateway is recorded instead of made. See `hub function compare`.",
        "spec.runtimeImageOverride": "Accepted, without effect: there are no images here.",
        },
)

KINDS = (FUNCTION,)
