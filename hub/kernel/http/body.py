"""Request bodies: read once and bounded; JSON strict, or matched the way Go's decoder does for compatible surfaces."""

from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from hub.kernel.errors import BodyTooLarge, InvalidInput
from hub.kernel.http.inflating import inflate

DEPTH_LIMIT = 100
"""Levels of a JSON value that is walked; far fewer than the interpreter can walk, far more than anything needs."""


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Read the whole body, inflated where it comes compressed.

    Raises:
        BodyTooLarge: it is longer than the limit, as sent or inflated; reading stops there.
        UnsupportedContent: it is encoded in a way that is not accepted.
        InvalidInput: it is not encoded as its header says, or the client left before its end.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise BodyTooLarge(f"The body has {declared} bytes; at most {limit_bytes} are accepted.", limit=limit_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise BodyTooLarge(f"The body is longer than {limit_bytes} bytes.", limit=limit_bytes)
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise InvalidInput("The client left before the end of the body.") from error
    return inflate(b"".join(chunks), request.headers.get("content-encoding", ""), limit_bytes)


def strict_json(body: bytes) -> Any:
    """Parse JSON.

    Raises:
        InvalidInput: it is none; the text says where.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from error


def fold_keys(value: Any, *, levels: int = DEPTH_LIMIT) -> Any:
    """Return a JSON value whose object keys are lower-case, at every depth; of equal keys the last one counts.

    Go's decoder matches member names without regard to case, and clients rely on it.

    Raises:
        InvalidInput: it is nested deeper than these levels.
    """
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        raise InvalidInput(f"The body is nested deeper than {DEPTH_LIMIT} levels; flatten it.")
    if isinstance(value, dict):
        return {key.lower(): fold_keys(item, levels=levels - 1) for key, item in value.items()}
    return [fold_keys(item, levels=levels - 1) for item in value]
