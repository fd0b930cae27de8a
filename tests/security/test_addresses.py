"""Whoever names an address - of a sink, an API, a specification - gets nobody else's machine called."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from contracts.catalog.v1 import EventTypeEntry
from hub.dispatch.sinks.posting import Poster
from hub.gateway.model import Place, Tls
from hub.gateway.outgoing.pools import Pools
from hub.gateway.settings import GatewaySettings
from hub.ingress.expectations import Expectations
from hub.kernel.egress import EgressRule
from hub.kernel.errors import HubError
from hub.registry.fetching import Fetcher, Limits
from tests.gateway.targets import Targets

CLOSED = EgressRule()
OPEN = EgressRule(private=True, loopback=True)

NEVER = [
    "169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
    "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1",
    "2130706433", "0x7f000001", "017700000001", "127.1", "localhost", "",
]  # fmt: skip
INSIDE = [
    "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "100.64.0.1", "::ffff:10.0.0.1", "fc00::1", "fec0::1", "192.0.2.1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"]
SPELLINGS = ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "0", "[::1]",
             "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1."]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
def test_no_setting_opens_what_no_call_may_reach(address: str) -> None:
    """Where clouds hand out credentials, and what is no address of one machine or no address at all."""
    assert not OPEN.allows(address)


@pytest.mark.parametrize("address", INSIDE)
def test_inside_is_closed_until_it_is_opened(address: str) -> None:
    """In every way of writing an address inside another one."""
    assert (False, True) == (CLOSED.allows(address), OPEN.allows(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    """What the refusals are compared with."""
    assert CLOSED.allows(address)


Try = Callable[[EgressRule, str], Awaitable[object]]


async def by_sink(rule: EgressRule, url: str) -> object:
    """Deliver an event."""
    poster = Poster(rule, ssl.create_default_context)
    try:
        return await poster.post(poster.target(url), {}, b"{}", 5)
    finally:
        poster.close()


async def by_gateway(rule: EgressRule, url: str) -> object:
    """Connect as a call, or the fetching of a token, does."""
    host, _, port = url.removeprefix("http://").partition("/")[0].rpartition(":")
    pools = Pools(GatewaySettings(private_addresses=rule.private, loopback=rule.loopback))
    place = Place("http", host.strip("[]"), int(port))
    try:
        connection = await pools.take(pools.of(place, Tls()), 5)
        connection.close()
        return connection
    finally:
        pools.close()


async def by_specification(rule: EgressRule, url: str) -> object:
    """Fetch a specification."""
    fetcher = Fetcher(rule, Limits(5, 1000))
    try:
        return await fetcher.fetch(url)
    finally:
        await fetcher.close()


WAYS = pytest.mark.parametrize("way", [by_sink, by_gateway, by_specification], ids=["sink", "gateway", "specification"])


@WAYS
@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_this_machine_is_called(targets: Targets, way: Try, host: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped: the address that comes of it is judged, not its text."""
    target = await targets.serve()
    with pytest.raises(HubError):
        await way(CLOSED, f"http://{host}:{target.port}/")
    assert (0, []) == (target.connections, target.seen)


@dataclass
class Resolver:
    """Says another address each time it is asked for `rebound.test`."""

    answers: list[str]
    asked: list[str] = field(default_factory=list)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Answer instead of the system, for as long as the test lasts."""
        system = asyncio.BaseEventLoop.getaddrinfo

        async def getaddrinfo(loop: Any, host: Any, port: Any, **more: Any) -> Any:
            if host != "rebound.test":
                return await system(loop, host, port, **more)
            self.asked.append(host)
            address = self.answers[min(len(self.asked), len(self.answers)) - 1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        patch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


@WAYS
async def test_a_name_cannot_change_between_judgement_and_connection(
    targets: Targets, way: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for once, and the connection goes to the address that was judged."""
    target = await targets.serve()
    resolver = Resolver(["127.0.0.1", "127.0.0.2"])
    resolver.install(monkeypatch)

    await way(OPEN, f"http://rebound.test:{target.port}/")

    assert (1, 1) == (len(resolver.asked), target.connections)


@WAYS
async def test_a_name_that_leads_inside_is_refused(
    targets: Targets, way: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it led outside before."""
    target = await targets.serve()
    Resolver(["127.0.0.1"]).install(monkeypatch)
    with pytest.raises(HubError):
        await way(CLOSED, f"http://rebound.test:{target.port}/")
    assert 0 == target.connections


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "//[::]/", "gopher://x"]
)
async def test_a_redirect_leads_to_no_other_place(targets: Targets, location: str) -> None:
    """Specifications follow redirects and judge each; sinks follow none."""
    said = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    target = await targets.raw(talk)
    with pytest.raises(HubError):
        await by_specification(EgressRule(loopback=True), target.url)
    assert 302 == (await by_sink(EgressRule(loopback=True), target.url)).status  # type: ignore[attr-defined]  # a Reply


async def test_no_schema_makes_the_hub_fetch(targets: Targets) -> None:
    """A schema that refers elsewhere checks nothing; the library would read any URL and file it names."""
    target = await targets.serve()
    expectations = Expectations("reject")
    for reference in (target.url, "file:///etc/hostname"):
        entry = EventTypeEntry(
            application="shop", service_id="1", type="order.made.v1", name="order", data_schema={"$ref": reference}
        )
        await asyncio.to_thread(expectations.changed, "shop.order", entry)
        found = expectations.find(entry.application, entry.type)
        assert found is not None and found.validator is None
    assert 0 == target.connections
