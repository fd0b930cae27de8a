"""Reads what the Director answers: objects of JSON in, values out, or a refusal that names what is missing."""

from collections.abc import Mapping
from typing import Any

import orjson

from hub.compass.model import (
    Auth,
    Basic,
    Bundle,
    Definition,
    DirectorApplication,
    OAuth,
    Specification,
    Unsupported,
    ValueLists,
)
from hub.compass.paging import Node, need_list, need_map, need_text
from hub.kernel.errors import UpstreamRefused


def application_of(node: Node, bundles: tuple[Bundle, ...]) -> DirectorApplication:
    """Return an application; its bundles were read to the end already.

    Raises:
        UpstreamRefused: a required field is missing or of another type.
    """
    name = need_text(node.get("name"), "name of an application")
    auths = need_list(node.get("auths") or [], f"auths of {name}")
    return DirectorApplication(
        id=need_text(node.get("id"), f"id of {name}"),
        name=name,
        description=_optional(node.get("description")),
        client_ids=tuple(_auth_id(each, name) for each in auths),
        bundles=bundles,
    )


def _auth_id(auth: Any, application: str) -> str:
    return need_text(need_map(auth, f"auths of {application}").get("id"), f"auth id of {application}")


def bundle_of(node: Node, apis: tuple[Definition, ...], events: tuple[Definition, ...]) -> Bundle:
    """Return a bundle; its definitions were read to the end already.

    Raises:
        UpstreamRefused: a required field is missing or of another type.
    """
    bundle_id = need_text(node.get("id"), "id of a bundle")
    auth = node.get("defaultInstanceAuth")
    return Bundle(
        id=bundle_id,
        name=need_text(node.get("name"), f"name of bundle {bundle_id}"),
        description=_optional(node.get("description")),
        parameter_schema=_optional(node.get("instanceAuthRequestInputSchema")),
        auth=None if auth is None else _auth(need_map(auth, f"defaultInstanceAuth of bundle {bundle_id}")),
        apis=apis,
        events=events,
    )


def definition_of(node: Node) -> Definition:
    """Return an API or event definition.

    Raises:
        UpstreamRefused: a required field is missing or of another type.
    """
    definition_id = need_text(node.get("id"), "id of a definition")
    spec = node.get("spec")
    return Definition(
        id=definition_id,
        name=need_text(node.get("name"), f"name of definition {definition_id}"),
        target_url=_optional(node.get("targetURL")),
        specification=None if spec is None else _specification(need_map(spec, f"spec of {definition_id}")),
    )


def _specification(node: Node) -> Specification | None:
    text = _optional(node.get("data"))
    return Specification(_optional(node.get("type")), _optional(node.get("format")), text) if text else None


def _auth(node: Node) -> Auth:
    requested = need_map(node.get("requestAuth") or {}, "requestAuth")
    csrf = need_map(requested.get("csrf") or {}, "csrf")
    return Auth(
        credential=_credential(node.get("credential")),
        csrf_url=_optional(csrf.get("tokenEndpointURL")),
        headers=_value_lists(node, "additionalHeaders"),
        query_parameters=_value_lists(node, "additionalQueryParams"),
    )


def _credential(node: Any) -> Basic | OAuth | Unsupported | None:
    if node is None:
        return None
    fields = need_map(node, "credential")
    kind = _optional(fields.get("__typename"))
    if kind == "BasicCredentialData":
        return Basic(_optional(fields.get("username")), _optional(fields.get("password")))
    if kind == "OAuthCredentialData":
        client_id, secret = _optional(fields.get("clientId")), _optional(fields.get("clientSecret"))
        return OAuth(client_id, _optional(fields.get("url")), secret)
    return Unsupported(kind or "an unnamed kind")


def _value_lists(node: Node, name: str) -> ValueLists:
    """Return names with their values; the serialized form holds when the other is absent."""
    value: Any = node.get(name)
    if value is None and (text := _optional(node.get(f"{name}Serialized"))):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise UpstreamRefused(f"The Director's {name}Serialized is not JSON.") from error
    if value is None:
        return {}
    lists = need_map(value, name)
    return {key: [str(each) for each in (one if isinstance(one, list) else [one])] for key, one in lists.items()}


def _optional(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UpstreamRefused("The Director's answer has a value that is not text where text must be.")
    return value


def labels_of(runtime: Any, runtime_id: str) -> Mapping[str, Any]:
    """Return the labels of this Runtime.

    Raises:
        UpstreamRefused: the Director does not know the Runtime: it answers null then, without an error.
    """
    if runtime is None:
        raise UpstreamRefused(
            f"The Director does not know the Runtime {runtime_id}: it was removed there, or the pairing Secret names "
            "another one. Nothing is removed here; register it again and pair with its new token."
        )
    labels = need_map(runtime, "runtime").get("labels")
    return {} if labels is None else need_map(labels, "labels of the runtime")
