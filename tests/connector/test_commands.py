"""`hub token` and `hub connect`: from an Application's name to files that curl can use."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from hub.commands.connect import text_of as connected_text
from hub.commands.connection.folder import FILES, curl_options
from hub.commands.connection.pairing import check_url, pair
from hub.commands.session import Session
from hub.commands.token import offer
from hub.commands.token import text_of as token_text
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.errors import AlreadyExists, InvalidInput, NotFound, NotPermitted, UpstreamUnavailable
from hub.settings import HubSettings

from .conftest import Edge


def session(edge: Edge) -> Session:
    """Return a command's session with the running hub."""
    return Session(edge.process.settings, edge.bus.nc, edge.bus.js)


async def test_a_machine_is_paired_and_curl_uses_the_files(edge: Edge, tmp_path: Path) -> None:
    """Token, pairing, and a call by the written options: what the tutorial does."""
    offered = await offer(session(edge), "shop", create=False)
    paired = await asyncio.to_thread(pair, offered["url"], tmp_path / "shop", ca=Path(offered["ca"]))
    curl = ["curl", "-sS", "-K", str(tmp_path / "shop" / "curl.conf"), paired["infoUrl"]]
    answer = await asyncio.to_thread(subprocess.run, curl, capture_output=True, check=True)
    assert orjson.loads(answer.stdout)["clientIdentity"]["application"] == "shop"
    assert f"{edge.url}/shop/v1/events" == paired["eventsUrl"]
    assert paired.items() >= orjson.loads((tmp_path / "shop" / "endpoints.json").read_bytes()).items()


async def test_the_key_is_readable_by_its_owner_only(edge: Edge, tmp_path: Path) -> None:
    """Directory 0700, key 0600, and nothing but the five files."""
    await asyncio.to_thread(pair, await edge.offer("shop"), tmp_path / "shop", ca=edge.ca)
    written = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "shop").iterdir()}
    assert set(FILES) == written.keys()
    assert (written["key.pem"], (tmp_path / "shop").stat().st_mode & 0o777) == (0o600, 0o700)


async def test_an_earlier_pairing_is_replaced_only_when_asked(edge: Edge, tmp_path: Path) -> None:
    """The refusal comes before the token is used up."""
    url = await edge.offer("shop")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "key.pem").write_bytes(b"precious")
    with pytest.raises(AlreadyExists, match=r"key\.pem"):
        await asyncio.to_thread(pair, url, tmp_path / "shop", ca=edge.ca)
    assert (tmp_path / "shop" / "key.pem").read_bytes() == b"precious"
    await asyncio.to_thread(pair, url, tmp_path / "shop", ca=edge.ca, force=True)
    assert b"PRIVATE KEY" in (tmp_path / "shop" / "key.pem").read_bytes()


async def test_a_hub_that_is_not_trusted_gets_no_token(edge: Edge, tmp_path: Path) -> None:
    """Without the authority's certificate there is no connection, and the text says where to get it."""
    url = await edge.offer("shop")
    with pytest.raises(UpstreamUnavailable, match=r"Copy ca\.crt"):
        await asyncio.to_thread(pair, url, tmp_path / "shop")
    async with edge.client() as client:
        assert (await client.get(url)).status_code == 200


async def test_a_used_token_writes_nothing(edge: Edge, tmp_path: Path) -> None:
    """The refusal says what to do, and does not repeat the token."""
    url = await edge.offer("shop")
    async with edge.client() as client:
        await client.get(url)
    with pytest.raises(NotPermitted, match="hub token") as caught:
        await asyncio.to_thread(pair, url, tmp_path / "shop", ca=edge.ca)
    assert url.split("token=")[1] not in caught.value.detail
    assert list((tmp_path / "shop").iterdir()) == []


@pytest.mark.parametrize("url", ["", "shop", "http://localhost/x?token=a", "https://localhost/x", "https:///?token=a"])
def test_what_is_no_pairing_url_is_refused(url: str) -> None:
    """A name instead of the URL, a URL that the shell cut at its ampersand, plain http."""
    with pytest.raises(InvalidInput, match="no pairing URL"):
        check_url(url)


async def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """Missing or no certificate: the text names the file."""
    url = "https://localhost:1/v1/applications/signingRequests/info?token=a"
    with pytest.raises(InvalidInput, match=r"missing\.crt"):
        await asyncio.to_thread(pair, url, tmp_path / "shop", ca=tmp_path / "missing.crt")


async def test_a_token_for_an_unknown_application_is_refused(edge: Edge) -> None:
    """Without --create nothing comes into being by a typing error."""
    with pytest.raises(NotFound, match="'shpo' is not registered"):
        await offer(session(edge), "shpo", create=False)


async def test_create_makes_the_application_and_leaves_an_existing_one_alone(
    running: Callable[..., Awaitable[Running]], bus: Bus, settings: HubSettings
) -> None:
    """`hub token shop --create` can be repeated; what the Application has in the meantime stays."""
    await running(["registry", "connector"])
    speaking = Session(settings, bus.nc, bus.js)
    first = await offer(speaking, "shop", create=True)
    (made,) = await speaking.resources("applications")
    second = await offer(speaking, "shop", create=True)
    (kept,) = await speaking.resources("applications")
    assert first["token"] != second["token"]
    assert ("shop", made.revision) == (made.name, kept.revision)


def test_curl_options_survive_odd_paths(tmp_path: Path) -> None:
    """Quotes and backslashes in a path are escaped the way curl reads them."""
    assert 'cert = "/a\\"b\\\\c/certificate.pem"' in curl_options(Path('/a"b\\c'), own_authority=False)


def test_people_are_told_what_to_do_next() -> None:
    """Both texts end in commands that work as they stand."""
    offered = {"application": "shop", "url": "https://h/x?token=T", "expires": "soon", "ca": "/hub/ca.crt"}
    assert "hub connect 'https://h/x?token=T' --dir shop" in token_text(offered)
    paired = {"directory": "/d", "application": "shop", "subject": "CN=shop", "metadataUrl": "M", "eventsUrl": "E"}
    assert "curl -K '/d/curl.conf' M" in connected_text(paired)
