"""The gateway's own errors on this surface: `{"code", "error"}`, told apart from the target's by a header. Pure."""

import orjson

from hub.kernel.errors import HubError
from hub.kernel.problem import headers_of

MEDIA_TYPE = b"application/json;charset=UTF-8"
MARK = b"hub-gateway-error"
"""Header that only the gateway's own errors have; its value is their kind."""


def status_of(error: HubError) -> int:
    """Return the status of the answer: 504 where the target took too long, else the error's own."""
    return 504 if error.fields.get("reason") == "timeout" else error.status


def render(error: HubError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body."""
    status = status_of(error)
    body = orjson.dumps({"code": status, "error": error.detail}) + b"\n"
    headers = [
        (b"content-type", MEDIA_TYPE),
        (b"content-length", str(len(body)).encode()),
        (MARK, error.kind.encode()),
    ]
    headers += [(name.lower().encode(), value.encode()) for name, value in headers_of(error).items()]
    return status, headers, body


RECORDED = (
    202,
    [(b"content-type", MEDIA_TYPE), (b"content-length", b"18"), (b"hub-gateway-recorded", b"true")],
    b'{"recorded":true}\n',
)
"""What a call is answered that was recorded instead of made."""
