"""What the metadata API's routes take and answer, as values for the OpenAPI document of the edge.

The schemas are those of the description that solutions have always got at `api.yaml`; they are written there once.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from contracts.surface import Answer, Content, Description, Operation, Schema, reference
from hub.registry.answers import MEDIA_TYPE

METADATA = "/{application}/v1/metadata"
SERVICE = f"{METADATA}/services/{{service}}"
_PREFIX = "Metadata"
_JSON = "application/json"


@cache
def _schemas() -> dict[str, Schema]:
    text = files("hub.registry").joinpath("api.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text.replace("'#/components/schemas/", f"'#/components/schemas/{_PREFIX}"))
    return {f"{_PREFIX}{name}": schema for name, schema in found["components"]["schemas"].items()}


def _of(name: str) -> Content:
    return {MEDIA_TYPE: reference(f"{_PREFIX}{name}")}


def _refusals(*statuses: int) -> dict[int, Answer]:
    meanings = {
        400: "The body breaks a rule; the text names it.",
        401: "No client certificate was presented, or it has ended.",
        403: "The certificate speaks for another Application, or is revoked.",
        404: "There is no such Application or Service.",
        409: "The identifier, or the name of a Secret, is taken.",
        413: "The body is larger than the limit.",
        502: "The specification could not be fetched.",
        503: "The event store does not answer; try again.",
    }
    return {status: Answer(meanings[status], _of("Error")) for status in (401, 403, 404, 503, *statuses)}


_BODY = {_JSON: reference(f"{_PREFIX}ServiceDetails")}
_MADE = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"}}}
_LIST = {"type": "array", "items": reference(f"{_PREFIX}Service")}

_ROOT = tuple(
    Operation(
        method,
        METADATA,
        "Find the description of this API",
        {301: Answer("It is at api.yaml.", headers={"Location": "Where."})} | _refusals(),
    )
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
)

DESCRIPTION = Description(
    "Metadata API",
    (
        *_ROOT,
        Operation(
            "GET",
            f"{METADATA}/api.yaml",
            "Read the description of this API alone",
            {200: Answer("OpenAPI 3.0 as YAML.", {"application/yaml": {}})} | _refusals(),
        ),
        Operation(
            "GET",
            f"{METADATA}/services",
            "List the registered Services",
            {200: Answer("All Services, without APIs and event catalogs.", {MEDIA_TYPE: _LIST})} | _refusals(),
        ),
        Operation(
            "POST",
            f"{METADATA}/services",
            "Register a Service",
            {200: Answer("Registered.", {MEDIA_TYPE: _MADE})} | _refusals(400, 409, 413, 502),
            body=_BODY,
        ),
        Operation(
            "GET",
            SERVICE,
            "Read a Service; credentials are masked",
            {200: Answer("The Service.", _of("ServiceDetails"))} | _refusals(),
        ),
        Operation(
            "PUT",
            SERVICE,
            "Register a Service anew; its identifier stays",
            {200: Answer("The Service as it is read.", _of("ServiceDetails"))} | _refusals(400, 409, 413, 502),
            body=_BODY,
        ),
        Operation("DELETE", SERVICE, "Remove a Service", {204: Answer("Removed, or not there.")} | _refusals()),
    ),
    _schemas(),
)
