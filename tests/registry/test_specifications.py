"""Where specifications come from, what becomes of them, and which addresses they may come from."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.kernel.egress import EgressRule
from hub.kernel.errors import HubError, UpstreamRefused, UpstreamUnavailable
from hub.registry.fetching import Fetcher, Limits
from hub.registry.model import Api, Basic, Credentials, OAuth, RequestParameters
from hub.registry.rewriting import address_of, file_name, rewrite
from tests.registry.conftest import DETAILS, Registry
from tests.registry.test_metadata_api import SERVICES

GATEWAY = "http://1234.io:8080"
TARGET = Api("http://target.com/")


@pytest.mark.parametrize(
    ("api_type", "document", "stored"),
    [
        ("", {"api": "spec"}, {"api": "spec"}),
        (
            "",
            {"swagger": "2.0", "basePath": "/v1", "host": "target.com"},
            {"swagger": "2.0", "schemes": ["http"], "host": "1234.io", "paths": None},
        ),
        ("oData", {"swagger": "2.0"}, {"swagger": "2.0"}),
        ("", {"openapi": "3.0.0", "x-swagger": "2.0"}, {"openapi": "3.0.0", "x-swagger": "2.0"}),
    ],
    ids=["any object", "swagger", "odata", "openapi 3"],
)
def test_only_swagger_documents_are_pointed_to_the_gateway(api_type: str, document: Any, stored: Any) -> None:
    """Swagger 2.0 gets the gateway's host; everything else stays as it was registered."""
    rewritten = rewrite(Api("http://target.com", api_type=api_type), json.dumps(document).encode(), GATEWAY)

    assert json.loads(rewritten) == stored


@pytest.mark.parametrize("document", [b'swagger: "2.0"', b"<swagger/>", b'["swagger"]', b"\xff swagger"])
def test_what_is_no_json_object_stays_as_it_is(document: bytes) -> None:
    """YAML, XML and anything else is stored byte for byte."""
    assert rewrite(TARGET, document, GATEWAY) is document


@pytest.mark.parametrize(
    ("api", "address"),
    [
        (TARGET, None),
        (Api("http://target.com/", specification_url="http://spec.com/path"), "http://spec.com/path"),
        (Api("http://target.com/", spec=b"{}", specification_url="http://spec.com/path"), None),
        (Api("http://target.com/", api_type="ODATA"), "http://target.com/$metadata"),
    ],
    ids=["nothing", "url", "spec and url", "odata"],
)
def test_a_specification_is_fetched_only_when_it_was_not_sent(api: Api, address: str | None) -> None:
    """The address is the given one, or the metadata document of an OData service."""
    assert address_of(api) == address


@pytest.mark.parametrize(
    ("document", "name"), [(b"<edmx/>", "odata.xml"), (b'{"a": "<b>"}', "odata.xml"), (b'{"a": 1}', "odata.json")]
)
def test_odata_documents_are_told_apart(document: bytes, name: str) -> None:
    """XML and JSON are named as upstream names them: a tag at the beginning means XML."""
    assert file_name("odata", document) == name


@pytest.mark.parametrize(
    ("address", "public", "loopback", "private"),
    [
        ("93.184.216.34", True, True, True),
        ("2606:2800:220:1::1", True, True, True),
        ("127.0.0.1", False, True, False),
        ("::1", False, True, False),
        ("::ffff:127.0.0.1", False, True, False),
        ("10.1.2.3", False, False, True),
        ("192.168.0.1", False, False, True),
        ("fd00::1", False, False, True),
        ("::ffff:10.0.0.1", False, False, True),
        ("64:ff9b::a00:1", False, False, True),
        ("169.254.169.254", False, False, False),
        ("fe80::1%eth0", False, False, False),
        ("0.0.0.0", False, False, False),
        ("224.0.0.1", False, False, False),
        ("no address", False, False, False),
    ],
)
def test_addresses_are_judged(address: str, public: bool, loopback: bool, private: bool) -> None:
    """Loopback and private addresses need a setting; link-local ones, where clouds keep credentials, never pass."""
    assert EgressRule().allows(address) is public
    assert EgressRule(loopback=True).allows(address) is loopback
    assert EgressRule(private=True).allows(address) is private


class Host:
    """A small HTTP host on loopback: answers by path and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.asked.append(head)
        answer = self.answers.get(head.split(" ")[1].split("?")[0], b"HTTP/1.1 404 Not Found\r\n\r\n")
        writer.write(answer)
        if answer:
            writer.close()

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


def answer(body: bytes, head: str = "") -> bytes:
    """Return an answer with status 200, or with another status line and headers."""
    return f"{head or 'HTTP/1.1 200 OK'}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Return a running host."""
    made = Host()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    """Return a fetcher that may use loopback, with small limits."""
    made = Fetcher(EgressRule(loopback=True), Limits(seconds=1, size_bytes=1000))
    yield made
    await made.close()


async def test_parameters_and_credentials_go_with_the_fetch(host: Host, fetcher: Fetcher) -> None:
    """Custom headers and query parameters are added where absent; Basic credentials go as a header."""
    host.answers["/spec"] = answer(b"{}")
    parameters = RequestParameters({"X-Key": ("1", "2"), "authorization": ("no",)}, {"a": ("given",), "b": ("x",)})

    document = await fetcher.fetch(host.url("/spec?a=own"), Credentials(Basic("user", "pass")), parameters)

    assert document == b"{}"
    assert "GET /spec?a=own&b=x HTTP/1.1" in host.asked[0]
    assert "Authorization: Basic dXNlcjpwYXNz" in host.asked[0]
    assert [line for line in host.asked[0].splitlines() if line.startswith("X-Key")] == ["X-Key: 1", "X-Key: 2"]


async def test_an_oauth_token_is_fetched_first(host: Host, fetcher: Fetcher) -> None:
    """With OAuth the token endpoint is asked first and the token goes with the fetch."""
    host.answers |= {"/token": answer(b'{"access_token": "t0k3n"}'), "/spec": answer(b"{}")}

    await fetcher.fetch(host.url("/spec"), Credentials(OAuth(host.url("/token"), "id", "secret")))

    assert "Authorization: Bearer t0k3n" in host.asked[1]


async def test_a_redirect_is_followed_and_credentials_stay_behind(host: Host, fetcher: Fetcher) -> None:
    """A redirect to another host is followed without the credentials that were meant for the first."""
    moved = f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{host.port}/new"
    host.answers |= {"/old": answer(b"", moved), "/new": answer(b"moved")}

    assert await fetcher.fetch(host.url("/old"), Credentials(Basic("user", "pass"))) == b"moved"
    assert "Authorization" in host.asked[0]
    assert "Authorization" not in host.asked[1]


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ("HTTP/1.1 404 Not Found", UpstreamRefused),
        ("HTTP/1.1 204 No Content", UpstreamRefused),
        ("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest", UpstreamRefused),
        ("HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/", UpstreamRefused),
        ("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd", UpstreamRefused),
        ("HTTP/1.1 302 Found\r\nLocation: /spec", UpstreamRefused),
        ("nonsense", UpstreamUnavailable),
    ],
    ids=["404", "204", "to metadata", "to private", "to a file", "in a circle", "no HTTP"],
)
async def test_an_answer_that_is_no_specification_is_refused(
    host: Host, fetcher: Fetcher, head: str, error: type[HubError]
) -> None:
    """Only 200 counts, and a redirect is judged like the first address."""
    host.answers["/spec"] = answer(b"", head)

    with pytest.raises(error):
        await fetcher.fetch(host.url("/spec"))


async def test_a_specification_without_end_is_cut_off(host: Host, fetcher: Fetcher) -> None:
    """Size and time are bounded."""
    host.answers |= {"/large": answer(b"x" * 1001), "/silent": b""}

    with pytest.raises(UpstreamUnavailable, match="more than 1000 bytes"):
        await fetcher.fetch(host.url("/large"))
    with pytest.raises(UpstreamUnavailable, match="did not answer within 1 seconds"):
        await fetcher.fetch(host.url("/silent"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://no-such-host.invalid", "http://", "http://[", "a b"])
async def test_an_address_that_leads_nowhere_is_one_refusal(fetcher: Fetcher, url: str) -> None:
    """Whatever is wrong with the address, the answer is that the specification cannot be had."""
    with pytest.raises(HubError) as caught:
        await fetcher.fetch(url)
    assert caught.value.status == 502


async def test_secrets_in_an_address_are_not_repeated(fetcher: Fetcher) -> None:
    """A refusal shows neither user information nor the query of the address."""
    with pytest.raises(HubError) as caught:
        await fetcher.fetch("http://user:p455@127.0.0.1:1/x?token=53cret")
    assert "p455" not in caught.value.detail
    assert "53cret" not in caught.value.detail


async def test_without_the_setting_loopback_is_refused(host: Host) -> None:
    """The connection is not even opened."""
    with pytest.raises(UpstreamRefused, match="HUB_REGISTRY__SPEC_LOOPBACK"):
        await Fetcher(EgressRule(), Limits(1, 1000)).fetch(host.url("/spec"))
    assert host.asked == []


async def test_a_fetched_specification_is_read_back(registry: Registry, host: Host) -> None:
    """OData metadata is fetched from the target and comes back as a text."""
    host.answers["/odata/$metadata"] = answer(b"<edmx:Edmx/>")
    async with registry.client() as http:
        created = await http.post(
            SERVICES, json=DETAILS | {"api": {"targetUrl": host.url("/odata/"), "apiType": "OData"}}
        )
        read = await http.get(f"{SERVICES}/{created.json()['id']}")

    assert read.json()["api"]["spec"] == "<edmx:Edmx/>"


async def test_a_specification_that_cannot_be_had_fails_the_registration(registry: Registry, host: Host) -> None:
    """The answer is 502 and nothing is registered."""
    details = DETAILS | {"api": {"targetUrl": "http://shop.test", "spec": None, "specificationUrl": host.url("/none")}}
    async with registry.client() as http:
        refused = await http.post(SERVICES, json=details)

    assert (refused.status_code, refused.json()["code"]) == (502, 502)
    assert (await registry.stored()).spec == {}
