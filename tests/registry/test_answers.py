"""Error bodies and documents as the metadata API renders them."""

import json

import pytest

from hub.kernel.errors import AlreadyExists, HubError, InvalidInput, NotFound, UpstreamRefused
from hub.registry.answers import details, error_text, render_error, service_item
from hub.registry.model import Api, ServiceDetails


@pytest.mark.parametrize(
    ("error", "detailed", "status", "text"),
    [
        (HubError("some internal error"), False, 500, "Internal error."),
        (HubError("detailed internal error"), True, 500, "detailed internal error"),
        (NotFound("gone"), False, 404, "gone"),
        (AlreadyExists("there"), False, 409, "there"),
        (InvalidInput("wrong"), False, 400, "wrong"),
        (UpstreamRefused("away"), False, 502, "away"),
        (NotFound("error1").within("error2"), False, 404, "error2, error1"),
    ],
    ids=["internal", "internal, detailed", "not found", "exists", "wrong input", "upstream", "with context"],
)
def test_an_error_repeats_its_status_in_the_body(error: HubError, detailed: bool, status: int, text: str) -> None:
    """The body is `code` and `error` and ends with a newline; the inside of a failure is hidden unless asked for."""
    body = render_error(error.status, error_text(error, detailed=detailed))

    assert body.endswith(b"}\n")
    assert json.loads(body) == {"code": status, "error": text}


def test_credentials_in_an_address_are_masked() -> None:
    """User name and password of a URL in a text are replaced by stars."""
    body = render_error(500, "cannot reach https://user:password@dummy.com or ftp://a:b@c/d, see http://plain.com:80")

    assert json.loads(body)["error"] == (
        "cannot reach https://***:***@dummy.com or ftp://***:***@c/d, see http://plain.com:80"
    )


def test_a_specification_that_is_no_json_is_a_text() -> None:
    """What was stored comes back: JSON as JSON, anything else as a JSON string."""
    service = ServiceDetails("p", "n", "d", api=Api("http://x.test", spec=b"non json api spec"))

    assert details(service)["api"]["spec"] == "non json api spec"


def test_a_list_item_leaves_out_what_is_not_there() -> None:
    """Identifier and labels are absent when there are none; the description is the whole one."""
    service = {"id": "1", "displayName": "n", "providerDisplayName": "", "description": "s", "longDescription": "long"}

    assert service_item(service) == {"id": "1", "provider": "", "name": "n", "description": "long"}
