"""Judging Applications, Secrets and ConfigMaps, and storing them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import validator_for

from hub.kernel.errors import HubError, InvalidField
from hub.kernel.keys import Keys
from hub.kernel.resource import Resource
from hub.registry import membership, merging, sealing
from hub.registry.kinds import APPLICATION, CONFIG_MAP, KINDS, SECRET, SIZE_LIMIT_BYTES
from hub.registry.servicedetails import parse
from hub.registry.shape import ApplicationShape, fields_of
from tests.registry.conftest import API_VERSION, Registry
from tests.registry.test_metadata_api import CREDENTIALS, FULL

SERVICE = {"id": "1", "name": "a", "displayName": "A", "description": "", "providerDisplayName": "", "entries": []}
KEYS = Keys(b"k" * 32)
CRD = Path(__file__).parents[3] / "shared" / "data" / "crds" / "application.v1alpha1.yaml"


def application(spec: dict[str, Any], name: str = "shop") -> Resource:
    """Return an Application as it is written."""
    return Resource(API_VERSION, "Application", name, "cluster", spec)


def secret(**fields: Any) -> Resource:
    """Return a Secret as it is written."""
    return Resource("v1", "Secret", "orders", "default", fields)


def services(**changes: Any) -> dict[str, Any]:
    """Return a spec with one Service."""
    return {"services": [SERVICE | changes]}


WHOLE = {
    "description": "Web shop",
    "skipVerify": False,
    "encodeUrl": False,
    "labels": {"application-type": "shop"},
    "tags": ["a"],
    "tenant": "t",
    "group": "g",
    "compassMetadata": {"applicationId": "x", "authentication": {"clientIds": ["y"]}},
    "services": [
        SERVICE
        | {
            "entries": [
                {
                    "type": "API",
                    "targetUrl": "https://shop.example.test/rest/v2",
                    "requestParametersSecretName": "shop-params",
                    "credentials": {
                        "type": "OAuth",
                        "secretName": "shop-oauth",
                        "authenticationUrl": "https://shop.example.test/oauth/token",
                        "csrfInfo": {"tokenEndpointURL": "https://shop.example.test/csrf"},
                    },
                },
                {"type": "Events"},
            ]
        }
    ],
}


def test_an_application_is_kept_as_it_is_written() -> None:
    """Every field of Kyma's custom resource is taken, and null is the same as absent."""
    assert APPLICATION.admit(application(WHOLE | {"displayName": None}), None).spec == WHOLE


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"colour": 1}, "spec.colour"),
        (services(entris=[]), "spec.services[0].entris"),
        (services(entries=[{"type": "api"}]), "spec.services[0].entries[0].type"),
        (services(entries=[{"type": "API", "credentials": {"type": "Basic"}}]),
         "spec.services[0].entries[0].credentials.secretName"),
        (services(id=7), "spec.services[0].id"),
        (services(name=None), "spec.services[0].name"),
        (services(labels={"a": 1}), "spec.services[0].labels.a"),
        ({"services": {}}, "spec.services"),
        ({"skipVerify": "false"}, "spec.skipVerify"),
        ({"accessLabel": "-"}, "spec.accessLabel"),
        ({"compassMetadata": {}}, "spec.compassMetadata.authentication"),
        ({"services": [SERVICE, SERVICE]}, "spec.services[1].id"),
        ({"services": [SERVICE | {"identifier": "x"}, SERVICE | {"id": "2", "identifier": "x"}]},
         "spec.services[1].identifier"),
        ({"description": "x" * SIZE_LIMIT_BYTES}, "spec"),
    ],
)  # fmt: skip
def test_an_application_is_refused_with_the_path_of_the_field(spec: dict[str, Any], field: str) -> None:
    """An unknown field, a wrong type or a missing one is told by its path."""
    with pytest.raises(HubError) as caught:
        APPLICATION.admit(application(spec), None)
    assert (caught.value.status, caught.value.fields["field"]) == (400, field)
    assert field.rsplit(".", maxsplit=1)[-1] in caught.value.detail


@pytest.mark.parametrize("name", ["my_shop", "Shop", "-shop", "sh..op"])
def test_names_that_kubernetes_refuses_are_refused(name: str) -> None:
    """The name stands in certificates, paths and subjects, so it is judged strictly."""
    for kind in KINDS:
        with pytest.raises(InvalidField) as caught:
            kind.admit(Resource(kind.api_versions[0], kind.kind, name, "cluster", {}), None)
        assert caught.value.fields["field"] == "metadata.name"


@pytest.mark.skipif(not CRD.exists(), reason="the custom resource definition is not at hand")
@pytest.mark.parametrize("credentials", [each[0] for each in CREDENTIALS.values()], ids=CREDENTIALS.keys())
def test_what_is_registered_is_a_valid_custom_resource(credentials: dict[str, Any]) -> None:
    """What the metadata API makes of a Service is accepted by Kyma's own definition, and known to it field by field."""
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    details = parse(json.dumps(FULL | {"api": {"targetUrl": "http://x.test", "credentials": credentials}}).encode())
    registration = merging.register("shop", "1", details, gateway_url="http://gateway")
    made = membership.added(application({"labels": {"a": "b"}}), registration.entry, {})
    document = made.to_document()

    validator_for(_closed(schema["properties"]["spec"])).validate(document["spec"])
    validator_for(_nullable(schema)).validate(document)


@pytest.mark.skipif(not CRD.exists(), reason="the custom resource definition is not at hand")
def test_the_shape_has_the_fields_of_the_custom_resource() -> None:
    """No field of Kyma's definition is missing, and none is ours alone."""
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    assert set(_paths(schema["properties"]["spec"], "spec")) == set(fields_of(ApplicationShape))


def _paths(schema: dict[str, Any], path: str) -> list[str]:
    found: list[str] = []
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}" + ("[]" if "items" in field else "")
        found += [here, *_paths(field.get("items", field), here)]
    return found


def _closed(schema: Any) -> Any:
    """Return a schema that refuses what the definition would prune."""
    if isinstance(schema, dict):
        closed = {name: _closed(value) for name, value in _nullable(schema).items()}
        return closed | ({"additionalProperties": False} if "properties" in schema else {})
    return [_closed(each) for each in schema] if isinstance(schema, list) else schema


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "nullable"}


def test_a_secret_is_sealed_and_an_equal_one_changes_nothing() -> None:
    """The stored Secret holds the names of its values only; applied again it is the same."""
    admit = sealing.admission(KEYS)
    written = secret(data={".metadata": base64.b64encode(b"v4lue").decode()}, stringData={"s4.user": "us3r"})

    stored = admit(written, None)

    assert "v4lue" not in json.dumps(stored.to_document())
    assert stored.spec["keys"] == [".metadata", "s4.user"]
    assert sealing.texts(KEYS, stored) == {".metadata": "v4lue", "s4.user": "us3r"}
    assert admit(written, stored) == stored
    assert admit(secret(stringData={"s4.user": "other"}), stored).spec["sealed"] != stored.spec["sealed"]


def test_a_sealed_value_does_not_open_elsewhere() -> None:
    """A sealed text copied into another Secret, or opened with another key, gives nothing away."""
    stored = sealing.admission(KEYS)(secret(stringData={"a": "b"}), None)
    copied = Resource("v1", "Secret", "other", "default", stored.spec)

    with pytest.raises(HubError):
        sealing.opened(KEYS, copied)
    with pytest.raises(HubError):
        sealing.opened(Keys(b"x" * 32), stored)


def test_a_shown_secret_has_no_value_and_cannot_be_applied_by_mistake() -> None:
    """What is shown names the values; applied again it is refused instead of emptying the Secret."""
    assert SECRET.conceal is not None
    shown = SECRET.conceal(sealing.admission(KEYS)(secret(stringData={"a": "b"}), None))

    assert shown.spec == {"type": "Opaque", "data": {"a": "<sealed>"}}
    with pytest.raises(InvalidField, match=r"data\.a is not base64"):
        SECRET.admit(shown, None)


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        (SECRET, {"data": {"a": "no base64!"}}, "data.a"),
        (SECRET, {"data": {"a/b": ""}}, "data.a/b"),
        (SECRET, {"stringData": {"a": 1}}, "stringData.a"),
        (SECRET, {"dat": {}}, "dat"),
        (CONFIG_MAP, {"data": {"a": {}}}, "data.a"),
        (CONFIG_MAP, {"binaryData": {"a": "%"}}, "binaryData.a"),
        (CONFIG_MAP, {"data": {"..": ""}}, "data..."),
        (CONFIG_MAP, {"stringData": {}}, "stringData"),
    ],
)
def test_values_are_refused_with_their_path(kind: Any, fields: dict[str, Any], field: str) -> None:
    """A wrong name or value is told by its path, the value itself is not repeated."""
    with pytest.raises(HubError) as caught:
        kind.admit(Resource("v1", kind.kind, "x", "default", fields), None)
    assert caught.value.fields["field"] == field
    assert "no base64!" not in caught.value.detail


def test_what_is_immutable_stays() -> None:
    """An immutable Secret or ConfigMap takes the same values again and no others."""
    admit = sealing.admission(KEYS)
    written = secret(stringData={"a": "b"}, immutable=True)
    stored = admit(written, None)

    assert admit(written, stored) == stored
    with pytest.raises(InvalidField, match="immutable"):
        admit(secret(stringData={"a": "c"}, immutable=True), stored)
    fixed = Resource("v1", "ConfigMap", "x", "default", {"data": {"a": "b"}, "immutable": True})
    with pytest.raises(InvalidField, match="immutable"):
        CONFIG_MAP.admit(Resource("v1", "ConfigMap", "x", "default", {"data": {"a": "c"}}), fixed)


async def test_secrets_are_stored_sealed_and_answered_without_values(registry: Registry) -> None:
    """The answer to applying a Secret and the bucket hold no value."""
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "v4lue"}}
    answers = [await registry.apply(document), await registry.apply(document)]

    assert [each["outcome"] for each in answers] == ["created", "unchanged"]
    stored = await registry.secrets()
    assert list(stored) == ["default.s"]
    assert [each["resource"]["spec"]["data"] for each in answers] == [{"a": "<sealed>"}] * 2
    assert "v4lue" not in json.dumps(answers)
    assert base64.b64encode(b"v4lue").decode() not in json.dumps(stored["default.s"].to_document())
