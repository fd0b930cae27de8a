"""PURE. The media type and error body of Kyma's connector service.

Source: kyma-project/kyma:components/connector-service/internal/{httperrors,httpconsts}@1.24.0
"""

from typing import Any

import orjson

MEDIA_TYPE = "application/json;charset=UTF-8"
"""Exactly this spelling, on answers and on errors."""
NO_TOKEN = "Token not provided."  # noqa: S105 - an answer's text
UNKNOWN_PATH = "Requested resource could not be found."
WRONG_METHOD = "Method not allowed."


def render(document: Any) -> bytes:
    """Return a document as JSON with the newline upstream ends it with."""
    return orjson.dumps(document) + b"\n"


def render_error(status: int, text: str) -> bytes:
    """Return the error body: the status again, and the text."""
    return render({"code": status, "error": text})
