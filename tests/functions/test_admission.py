"""Which Functions are accepted, with upstream's own refusals; nothing of a refused one is stored."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.functions import routing
from hub.functions.checks import problems_of
from hub.functions.conditions import running_state, status_of, underway_state
from hub.functions.kinds import FUNCTION, admit_function
from hub.functions.resources import allowance_of
from hub.kernel.errors import InvalidInput
from hub.kernel.resource import Resource

PREFIX = "serverless.kyma-project.io/"
GIT = {"url": "https://github.com/user/repo.git", "baseDir": "/", "reference": "main"}
RESERVED = (
    "'FUNC_RUNTIME','FUNC_HANDLER','FUNC_PORT','FUNC_HANDLER_SOURCE','FUNC_HANDLER_DEPENDENCIES','MOD_NAME',"
    "'NODE_PATH','PYTHONPATH'"
)


def function(version: str = "v1alpha2", **spec: Any) -> Resource:
    """Return a Function as it is applied."""
    return Resource(f"serverless.kyma-project.io/{version}", "Function", "orders", "default", spec)


def inline(**changes: Any) -> Resource:
    """Return a Python Function with inline source, and changes to its spec."""
    return function(**({"runtime": "python312", "source": {"inline": {"source": "a"}}} | changes))


def part(**configuration: Any) -> dict[str, Any]:
    """Return a resource configuration of the process."""
    return {"resourceConfiguration": {"function": configuration}}


FOREIGN_KEYS = (
    "serverless$kyma-project#io/abc", "serverless.kyma-project.io", "my.label.com", "serverless.kyma-project.label.com",
)  # fmt: skip
"""Keys that are upstream's own only at a glance."""

ACCEPTED = {
    **{f"profile_{name}": part(profile=name) for name in ("XS", "S", "M", "L", "XL")},
    "resources": part(resources={"limits": {"cpu": "100m", "memory": 64}}),
    **{f"runtime_{name}": {"runtime": name} for name in ("nodejs20", "nodejs22", "nodejs24", "python312")},
    **{f"newer_{name}": {"runtime": name} for name in ("nodejs26", "python314")},
    **{f"retired_{name}": {"runtime": name} for name in ("nodejs14", "nodejs18", "python39")},
    **{f"{kind}_{key}": {kind: {key: "x"}} for kind in ("labels", "annotations") for key in FOREIGN_KEYS},
    "long_label": {"labels": {"a" * 63: "c"}},
    "env": {"env": [{"name": "TEST_ENV", "value": "1"}, {"name": "s4.metadata"}, {"name": "EMPTY", "value": None}]},
    "git": {"source": {"gitRepository": GIT}},
    "git_key": {"source": {"gitRepository": GIT | {"auth": {"type": "key", "secretName": "s"}}}},
    "git_basic": {"source": {"gitRepository": GIT | {"auth": {"type": "basic", "secretName": "s"}}}},
    "replicas": {"replicas": 0, "scaleConfig": {"minReplicas": 1, "maxReplicas": 1}},
    "traffic": {"traffic": [{"revision": 3, "percent": 90}, {"revision": "latest", "percent": 10}]},
    "shadow": {"shadow": {"revision": "latest"}},
    "every_field": {
        "runtimeImageOverride": "eu.gcr.io/x/y:1",
        "source": {"inline": {"source": "def main(event, context): pass", "dependencies": "requests==2.32.3"}},
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
        "resourceConfiguration": {
            "function": {"resources": {"limits": {"cpu": "300m", "memory": "64Mi"}, "requests": {"cpu": "50m"}}},
            "build": {"profile": "fast"},
        },
        "scaleConfig": {"minReplicas": 1, "maxReplicas": 3},
        "replicas": 2,
        "template": {},
        "secretMounts": [{"secretName": "s", "mountPath": "/tmp/s"}],
        "labels": {"app": "x"},
        "annotations": {"owner": "y"},
        "podSecurityContext": {"runAsNonRoot": True},
        "containerSecurityContext": {"readOnlyRootFilesystem": True},
    },
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_upstream_accepts_is_accepted(changes: dict[str, Any]) -> None:
    """Manifests of every generation pass."""
    assert admit_function(inline(**changes), None).spec["runtime"]


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "profile_and_resources": (
        part(profile="L", resources={}), "spec.resourceConfiguration.function",
        "Invalid value: Use profile or resources",
    ),
    "unknown_profile": (
        part(profile="SS"), "spec.resourceConfiguration.function",
        "Invalid value: Invalid profile, please use one of: ['XS','S','M','L','XL']",
    ),
    **{
        f"own_{kind}_{PREFIX}{rest}_beside_{len(others)}": (
            {kind: {**others, PREFIX + rest: "y"}}, f"spec.{kind}",
            f"Invalid value: {kind.title()} has key starting with serverless.kyma-project.io/ which is not allowed",
        )
        for kind in ("labels", "annotations")
        for rest in ("", "abc")
        for others in ({}, {"fine": "x"})
    },
    "long_label": ({"labels": {"a" * 64: "x"}}, "spec.labels", "Invalid value: Label value cannot be longer than 63"),
    "no_source": ({"source": {}}, "spec.source", "Invalid value: Use GitRepository or Inline source"),
    "two_sources": (
        {"source": {"inline": {"source": "a"}, "gitRepository": GIT}}, "spec.source",
        "Invalid value: Use GitRepository or Inline source",
    ),
    "empty_source": (
        {"source": {"inline": {"source": ""}}}, "spec.source.inline.source",
        'Invalid value: "": spec.source.inline.source in body should be at least 1 chars long',
    ),
    "empty_mount": (
        {"secretMounts": [{"secretName": "", "mountPath": "/a"}]}, "spec.secretMounts[0].secretName",
        "spec.secretMounts[0].secretName in body should be at least 1 chars long",
    ),
    "empty_mount_path": (
        {"secretMounts": [{"secretName": "s", "mountPath": ""}]}, "spec.secretMounts[0].mountPath",
        "spec.secretMounts[0].mountPath in body should be at least 1 chars long",
    ),
    "blank_reference": (
        {"source": {"gitRepository": GIT | {"reference": "  "}}}, "spec.source.gitRepository",
        "Invalid value: Reference is required and cannot be empty",
    ),
    "blank_base_dir": (
        {"source": {"gitRepository": GIT | {"baseDir": "  "}}}, "spec.source.gitRepository",
        "Invalid value: BaseDir is required and cannot be empty",
    ),
    "blank_git_secret": (
        {"source": {"gitRepository": GIT | {"auth": {"type": "key", "secretName": "  "}}}},
        "spec.source.gitRepository.auth.secretName", 'Invalid value: "  ": SecretName is required and cannot be empty',
    ),
    "git_auth": (
        {"source": {"gitRepository": GIT | {"auth": {"type": "custom", "secretName": "s"}}}},
        "spec.source.gitRepository.auth.type", 'Unsupported value: "custom": supported values: "basic", "key"',
    ),
    "runtime": (
        {"runtime": "custom"}, "spec.runtime",
        'Unsupported value: "custom": supported values: "nodejs20", "nodejs22", "nodejs24", "python312"',
    ),
    "runtime_map": ({"runtime": {"python312": None}}, "spec.runtime", "Unsupported value"),
    "unknown_field": ({"handler": "x"}, "spec.handler", "is not a field"),
    "unknown_deep_field": (
        {"source": {"inline": {"source": "a", "deps": ""}}}, "spec.source.inline.deps", "is not a field",
    ),
    "env_number": ({"env": [{"name": "A", "value": 5}]}, "spec.env[0].value", "must be text"),
    "env_two_sources": (
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}, "configMapKeyRef": {}}}]},
        "spec.env[0].valueFrom", "give one of",
    ),
    "template": ({"template": {"labels": {"a": "b"}}}, "spec.template", "Not supported: Use spec.labels"),
    "negative_replicas": ({"replicas": -1}, "spec.replicas", "should be greater than or equal to 0"),
    "zero_scale": (
        {"scaleConfig": {"minReplicas": 0, "maxReplicas": 1}}, "spec.scaleConfig.minReplicas",
        "greater than or equal to 1",
    ),
    "scale_upside_down": (
        {"scaleConfig": {"minReplicas": 3, "maxReplicas": 2}}, "spec.scaleConfig.maxReplicas",
        "Invalid value: 2: should not be below minReplicas (3)",
    ),
    "no_quantity": (
        part(resources={"limits": {"memory": "lots"}}),
        "spec.resourceConfiguration.function.resources.limits.memory", "is no quantity",
    ),
    "limits_as_text": (
        part(resources={"limits": "1Gi"}), "spec.resourceConfiguration.function.resources.limits", "must be a map",
    ),
    "placeholder": ({"source": {"inline": {"source": {"...": None}}}}, "spec.source.inline.source", "must be text"),
    **{
        f"reserved_{name}": (
            {"env": [{"name": "A", "value": "1"}, {"name": name, "value": "2"}, {"name": "B", "value": "3"}]},
            "spec.env",
            f"Invalid value: Following envs are reserved and cannot be used: [{RESERVED}]",
        )
        for name in ("FUNC_RUNTIME", "FUNC_HANDLER", "FUNC_PORT", "MOD_NAME", "NODE_PATH", "PYTHONPATH")
    },
}  # fmt: skip


@pytest.mark.parametrize(("changes", "field", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_upstream_refuses_is_refused_with_its_text(changes: dict[str, Any], field: str, text: str) -> None:
    """Each refusal names the field by its path and says what upstream says."""
    with pytest.raises(InvalidInput) as refused:
        admit_function(inline(**changes), None)
    assert field == refused.value.fields["field"]
    assert text in refused.value.detail


def test_a_function_without_a_runtime_gets_the_one_its_source_is_written_for() -> None:
    """Python source is taken as Python, anything else as Node, upstream's default."""
    python = function(source={"inline": {"source": "def main(event, context):\n    pass\n"}})
    node = function(source={"inline": {"source": "module.exports = {}"}})
    assert [admit_function(one, None).spec["runtime"] for one in (python, node)] == ["python312", "nodejs22"]


def test_an_older_function_is_converted() -> None:
    """The fields of `v1alpha1` arrive where `v1alpha2` has them; preset labels become profiles."""
    old = function(
        "v1alpha1",
        source="def main(e, c): pass",
        deps="requests",
        runtime="python39",
        minReplicas=1,
        labels={"a": "b"},
    )
    marked = replace(old, labels={PREFIX + "function-resources-preset": "M", "app": "x"})
    new = admit_function(marked, None)
    assert new.spec == {
        "runtime": "python39",
        "labels": {"a": "b"},
        "source": {"inline": {"source": "def main(e, c): pass", "dependencies": "requests"}},
        "resourceConfiguration": {"function": {"profile": "M"}},
        "scaleConfig": {"minReplicas": 1, "maxReplicas": 1},
        "replicas": 1,
    }
    assert new.labels == {"app": "x"}


def test_an_older_git_function_keeps_the_name_of_its_repository() -> None:
    """The name goes into upstream's annotation; the Function is stored."""
    new = admit_function(function("v1alpha1", source="my-repo", type="git", baseDir="/fn", reference="main"), None)
    assert new.annotations[PREFIX + "v1alpha1GitRepoName"] == "my-repo"
    assert new.spec["source"]["gitRepository"]["baseDir"] == "/fn"


def test_admission_is_idempotent() -> None:
    """An admitted Function is admitted again unchanged, as `hub get -o yaml | hub apply` does."""
    once = admit_function(inline(env=[{"name": "A", "value": "b"}]), None)
    assert once == admit_function(once, once)


CHECKS = {
    "bad_env_name": (inline(env=[{"name": "goofy-kare;;"}, {"name": "2x"}]), ["spec.env: goofy-kare;;. Err: a valid"]),
    "good_env_names": (inline(env=[{"name": "sad-bose"}, {"name": "wonderful-hypatia"}]), []),
    "env_symbols": (inline(env=[{"name": "sad-bose", "value": "][;'#!"}, {"name": "b", "value": "{$(x)}"}]), []),
    "env_digit": (
        inline(env=[{"name": name} for name in ("objective-gauss", "2lucid-volhard", "laughing-keldysh")]),
        ["spec.env: 2lucid-volhard. Err:"],
    ),
    "python_dependencies": (inline(source={"inline": {"source": "a", "dependencies": "][;"}}), []),
    "node_dependencies": (
        inline(runtime="nodejs24", source={"inline": {"source": "a", "dependencies": "][;"}}),
        ["invalid source.inline.dependencies value: deps should start with '{' and end with '}'"],
    ),
    "node_object": (
        inline(runtime="nodejs24", source={"inline": {"source": "a", "dependencies": "{epic-swirles}"}}),
        [],
    ),
    "mount_name": (
        inline(secretMounts=[{"secretName": "invalid_secret_name@#!", "mountPath": "/a"}]),
        ["invalid spec.secretMounts: [a lowercase RFC 1123"],
    ),
    "label_key": (
        inline(labels={"Invalid_Label@Key!": "a"}),
        ['spec.labels: Invalid value: "Invalid_Label@Key!": name part must consist of alphanumeric characters'],
    ),
    "label_value": (
        inline(labels={"a": "Invalid_ChlEbek!"}),
        ['spec.labels: Invalid value: "Invalid_ChlEbek!": a valid label must be an empty string or consist of'],
    ),
    "label_prefix": (inline(labels={"serverless$x/abc": "a"}), ['spec.labels: Invalid value: "serverless$x/abc": pre']),
    "annotation_value": (inline(annotations={"a": "Invalid_Value!@"}), []),
    "annotation_key": (inline(annotations={"a b": ""}), ['spec.annotations: Invalid value: "a b": name part must']),
    **{
        f"git_{url}": (inline(source={"gitRepository": GIT | {"url": url}}), said)
        for url, said in {
            "git@github.com:user/repo.git": [],
            "ssh://git@host:22/user/repo.git": [],
            "https://github.com/user/repo.git": [],
            "invalid-url": ['source.gitRepository.URL: parse "invalid-url": invalid URI for request'],
            "file:///etc": ['source.gitRepository.URL: "file:///etc": use http, https, git or ssh'],
        }.items()
    },
    "resources_fine": (
        inline(**part(resources={
            "limits": {"cpu": "100m", "memory": "64Mi"}, "requests": {"cpu": "50m", "memory": "32Mi"},
        })),
        [],
    ),
    "requests_over_limits": (
        inline(**part(resources={
            "limits": {"cpu": "100m", "memory": "64Mi"}, "requests": {"cpu": "200m", "memory": "128Mi"},
        })),
        [
            "Function limits cpu(100m) should be higher than requests cpu(200m)",
            "Function limits memory(64Mi) should be higher than requests memory(128Mi)",
        ],
    ),
    "resources_wrong": (
        inline(**part(resources={
            "limits": {"cpu": "5m", "memory": "64Mi"}, "requests": {"cpu": "200m", "memory": "8Mi"},
        })),
        [
            "Function limits cpu(5m) should be higher than minimal value (10m)",
            "Function limits cpu(5m) should be higher than requests cpu(200m)",
            "Function request memory(8Mi) should be higher than minimal value (16Mi)",
        ],
    ),
    "mounts_twice": (
        inline(secretMounts=[{"secretName": "s", "mountPath": "/a"}, {"secretName": "s", "mountPath": "/b"}]),
        ["invalid spec.secretMounts: [secretNames should be unique]"],
    ),
}


@pytest.mark.parametrize(("admitted", "said"), CHECKS.values(), ids=CHECKS.keys())
def test_what_upstreams_controller_finds_is_found(admitted: Resource, said: list[str]) -> None:
    """The texts of the condition begin as upstream's do."""
    found = problems_of(admit_function(admitted, None).spec)
    assert len(said) == len(found)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True))


def test_a_specification_with_nothing_right_has_every_reason() -> None:
    """Upstream's controller joins all of them; an empty specification has none."""
    spec = {"runtime": "upbeat-boyd", "source": {"inline": {}}, "env": [{"name": "goofy-kare;;;;;"}]}
    found = problems_of(spec)
    assert found[0].startswith("spec.env: goofy-kare;;;;;. Err:")
    assert found[1:] == [
        "invalid source.inline.dependencies value: cannot find runtime: upbeat-boyd",
        "invalid runtime value: cannot find runtime: upbeat-boyd",
    ]
    assert problems_of({}) == []


def test_mounts_and_replicas_of_an_older_function_are_converted() -> None:
    """What `v1alpha1` kept in annotations and preset labels arrives in the specification."""
    old = replace(
        function("v1alpha1", source="x", runtime="nodejs14"),
        labels={PREFIX + "replicas-preset": "M", PREFIX + "build-resources-preset": "fast"},
        annotations={PREFIX + "v1alpha1SecretMounts": '[{"secretName": "s", "mountPath": "/a"}]'},
    )
    new = admit_function(old, None)
    assert new.spec["secretMounts"] == [{"secretName": "s", "mountPath": "/a"}]
    assert new.spec["scaleConfig"] == {"minReplicas": 1, "maxReplicas": 2}
    assert new.spec["resourceConfiguration"] == {"build": {"profile": "fast"}}
    assert (new.labels, new.annotations) == ({}, {})


def kubeless(**spec: Any) -> Resource:
    """Return a Function of Kyma 1."""
    return Resource("kubeless.io/v1beta1", "Function", "orders", "default", spec)


def test_a_function_of_kyma_1_is_converted() -> None:
    """Source, dependencies, runtime, time limit, environment and topic arrive; what upstream ignored is passed over."""
    container = {"env": [{"name": "A", "value": "b"}], "resources": {"limits": {"memory": "64Mi"}}}
    new = admit_function(
        kubeless(**{
            "handler": "handler.main",
            "function": "module.exports = {}",
            "function-content-type": "text",
            "checksum": "sha256:x",
            "runtime": "nodejs8",
            "timeout": "20",
            "deps": "{}",
            "topic": "exampleEvent",
            "service": {"ports": []},
            "deployment": {"spec": {"template": {"spec": {"containers": [container]}}}},
        }),
        None,
    )
    assert new.spec == {
        "runtime": "nodejs8",
        "source": {"inline": {"source": "module.exports = {}", "dependencies": "{}"}},
        "env": [{"name": "A", "value": "b"}, {"name": "FUNC_TIMEOUT", "value": "20"}],
        "resourceConfiguration": {"function": {"resources": {"limits": {"memory": "64Mi"}}}},
    }
    assert new.annotations == {"kubeless.io/topic": "exampleEvent"}


def test_source_of_kyma_1_may_be_base64() -> None:
    """The payload is decoded; archives and addresses are refused with the field."""
    given = kubeless(**{"function": "YWJj", "function-content-type": "base64", "timeout": ""})
    assert admit_function(given, None).spec["source"] == {"inline": {"source": "abc"}}
    for kind in ("base64+zip", "url"):
        with pytest.raises(InvalidInput) as refused:
            admit_function(kubeless(**{"function": "a", "function-content-type": kind}), None)
        assert refused.value.fields["field"] == "spec.function-content-type"
    with pytest.raises(InvalidInput, match="export the handler as 'main'"):
        admit_function(kubeless(function="a", handler="hello.handler"), None)


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, ("L", 0.8, 1024)),
        (part(profile="XS"), ("XS", 0.15, 256)),
        (part(resources={"limits": {"cpu": 2, "memory": "1.5Gi"}}), ("custom", 2.0, 1536)),
        (part(resources={"limits": {"memory": "128M"}}), ("custom", 0.8, 122)),
    ],
    ids=["nothing", "profile", "resources", "half"],
)
def test_a_profile_or_resources_say_what_a_process_may_use(
    configuration: dict[str, Any], expected: tuple[str, float, int]
) -> None:
    """CPUs and memory, in upstream's quantities."""
    found = allowance_of(configuration)
    assert expected == (found.profile, found.cpus, found.memory_bytes // 1024**2)


def test_the_status_says_what_upstreams_says() -> None:
    """Generation, runtime, profile, selector and the deprecation of a runtime are where scripts look for them."""
    resource = replace(
        admit_function(inline(runtime="nodejs20", annotations={"a": "b"}), None), uid="u-1", generation=3
    )
    status = status_of(resource, running_state("", 3, 2, {}), "2026-01-02T03:04:05Z")
    conditions = {one["type"]: (one["status"], one["reason"], one["message"]) for one in status["conditions"]}
    warning = "Warning: function configured, runtime nodejs20 is deprecated and will be removed in the future"
    assert conditions["ConfigurationReady"] == ("True", "FunctionSpecValidated", warning)
    assert conditions["Running"][:2] == ("True", "DeploymentReady")
    assert status["podSelector"] == (
        f"{PREFIX}function-name=orders,{PREFIX}managed-by=function-controller,{PREFIX}resource=deployment,"
        f"{PREFIX}uuid=u-1"
    )
    assert {
        "observedGeneration": 3,
        "runtime": "nodejs20",
        "replicas": 2,
        "functionResourceProfile": "L",
        "functionAnnotations": {"a": "b"},
    }.items() <= status.items()
    waiting = status_of(resource, underway_state("", "Installing"), "2026-01-02T03:04:05Z")["conditions"][1]
    assert (waiting["status"], waiting["reason"]) == ("Unknown", "DeploymentWaiting")


def test_the_fields_explained_are_fields_of_upstreams_schema() -> None:
    """`hub explain function` names no field that the schema does not have."""
    schema = Path(__file__).parents[2].parent / "shared" / "data" / "crds" / "function.v1alpha2.yaml"
    if not schema.exists():
        pytest.skip("upstream's schema is not on this machine")
    text = schema.read_text()
    theirs = [path for path in FUNCTION.fields if path.split(".")[1] not in routing.FIELDS]
    assert [path for path in theirs if f"{path.rpartition('.')[2]}:" not in text] == []
    assert len(theirs) < len(FUNCTION.fields) and not any(f"        {name}:" in text for name in routing.FIELDS)
