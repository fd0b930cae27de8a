"""The committed products of the contracts: a JSON Schema per contract and one AsyncAPI 3.0 document.

The models are the source. The products make a change visible in review and give other languages a file; they are
rendered the same way everywhere, so that comparing bytes is enough.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic.json_schema import models_json_schema

from contracts import CONTRACTS, compatibility, subjects
from contracts.envelope import CONTENT_TYPE, PREFIX, SPEC_VERSION, Contract, schema_uri

ROOT = Path(__file__).parent
ASYNCAPI = "asyncapi.json"
OPENAPI = "openapi.json"
"""Committed beside the others, but made of running routes, which this package knows nothing of."""
SCHEMAS = "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Difference:
    """A committed product that is not what the models say."""

    path: str
    """Relative to the folder of the contracts."""
    change: Literal["missing", "changed", "unexpected"]
    violations: tuple[str, ...] = ()
    """What in a changed schema needs a new version instead."""

    def __str__(self) -> str:
        """Return the difference in one line."""
        needs = f" (needs a new version: {'; '.join(self.violations)})" if self.violations else ""
        return f"{self.path}: {self.change}{needs}"


def write(root: Path = ROOT) -> list[str]:
    """Write every product, remove what no model makes any more; returns the relative paths that changed."""
    (root / SCHEMAS).mkdir(parents=True, exist_ok=True)
    differences = check(root)
    products = render()
    for difference in differences:
        if difference.change == "unexpected":
            (root / difference.path).unlink()
        else:
            (root / difference.path).write_bytes(products[difference.path])
    return [difference.path for difference in differences]


def check(root: Path = ROOT) -> list[Difference]:
    """Return where the committed products differ from what the models say; empty when they are the same."""
    products = render()
    committed = {path.relative_to(root).as_posix() for path in (root / SCHEMAS).glob("*")}
    unexpected = [Difference(path, "unexpected") for path in sorted(committed - products.keys())]
    compared = [_compare(root / path, path, product) for path, product in sorted(products.items())]
    return [difference for difference in compared if difference is not None] + unexpected


def render() -> dict[str, bytes]:
    """Return every product as relative path → bytes."""
    schemas = {f"{SCHEMAS}/{name}.json": _bytes(schema(model)) for name, model in CONTRACTS.items()}
    return {**schemas, ASYNCAPI: _bytes(asyncapi())}


def schema(model: type[Contract]) -> dict[str, Any]:
    """Return the JSON Schema of a contract's data."""
    return {"$schema": _DIALECT, "$id": schema_uri(model.contract_type), **model.model_json_schema()}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of every contract: one channel, one operation, one message each."""
    models = list(CONTRACTS.values())
    references, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    payloads = {model.contract_type: references[model, "validation"] for model in models}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Integration hub: contract events",
            "version": "1.0.0",
            "description": "What the workers of the hub tell each other and whoever listens, on the stream HUB.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(model) for name, model in CONTRACTS.items()},
        "operations": {name: _operation(name) for name in CONTRACTS},
        "components": {
            "messages": {name: _message(model, payloads[name]) for name, model in CONTRACTS.items()},
            "messageTraits": {"cloudevent": {"headers": _headers()}},
            "schemas": definitions["$defs"],
        },
    }


def _channel(model: type[Contract]) -> dict[str, Any]:
    name = model.contract_type
    return {
        "address": subjects.contract(name),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(name: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _message(model: type[Contract], payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": model.contract_type,
        "summary": (model.__doc__ or "").split("\n")[0],
        "contentType": CONTENT_TYPE,
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": payload,
    }


def _headers() -> dict[str, Any]:
    fixed = {"specversion": SPEC_VERSION, "datacontenttype": CONTENT_TYPE}
    attributes = ("specversion", "id", "source", "type", "time", "datacontenttype", "dataschema")
    properties: dict[str, Any] = {PREFIX + name: {"type": "string"} for name in (*attributes, "traceparent")}
    for name, value in fixed.items():
        properties[PREFIX + name]["const"] = value
    return {"type": "object", "required": [PREFIX + name for name in attributes], "properties": properties}


def _compare(committed: Path, path: str, product: bytes) -> Difference | None:
    if not committed.exists():
        return Difference(path, "missing")
    found = committed.read_bytes()
    if found == product:
        return None
    violations = _violations(found, product) if path.startswith(SCHEMAS) else ()
    return Difference(path, "changed", violations)


def _violations(committed: bytes, product: bytes) -> tuple[str, ...]:
    try:
        old = json.loads(committed)
    except ValueError:
        return ("schema_missing: the committed file is no JSON",)
    return tuple(str(violation) for violation in compatibility.compare(old, json.loads(product)))


def _bytes(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
