"""What a running hub shows of itself: files, ports, headers; and the limits at which it stops listening."""

import json
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.conftest import House
from tests.security.conftest import Solution
from tests.security.records import failures_of
from tests.security.test_smuggling import answered, opened

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FOR_ALL = {"ca.crt"}
"""What clients need, and everybody may read."""
LISTENING = "0A"
JSON = {"content-type": "application/json"}
BINARY = JSON | {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "shop", "ce-type": "order.made.v1"}


def test_only_the_owner_can_read_what_the_hub_writes(house: House) -> None:
    """Started with umask 0 in a directory that others may enter: files 0600, directories 0700, sockets too."""
    root = house.running.data_dir
    open_to_others = {
        str(path.relative_to(root)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in root.rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & 0o077 and _is_ours(path, root)
    }
    assert open_to_others == {}


def _is_ours(path: Path, root: Path) -> bool:
    """Say whether the hub itself made this; what is below a Function's closed directory has the installer's modes."""
    below = path.relative_to(root)
    return path.name not in FOR_ALL and not (below.parts[0] == "functions" and len(below.parts) > 1)


@LINUX
def test_every_port_is_open_to_this_machine_only(house: House) -> None:
    """Of the supervisor and all processes below it, the event store included."""
    pids = [house.running.pid, *_below(house.running.pid)]
    assert len(pids) > 5
    places = set(_listening(pids))
    assert len(places) >= 8
    assert {host for host, _ in places} == {"127.0.0.1"}


def _below(parent: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == parent:
            yield int(path.parent.name)
            yield from _below(int(path.parent.name))


def _listening(pids: list[int]) -> Iterator[tuple[str, int]]:
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                continue
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENING and words[9] in inodes:
                address, _, port = words[1].partition(":")
                packed = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
                yield socket.inet_ntop(family, packed), int(port, 16)


def test_answers_say_nothing_of_what_answers_and_are_never_guessed_at(house: House) -> None:
    """No name or version of a program; what is JSON is not taken for a page by a browser."""
    metrics = house.running.processes()["control"]["listeners"]["metrics"]
    for name, url in (house.running.listeners | {"metrics": metrics}).items():
        for path in ("/", "/nothing<script>alert(1)</script>", "/openapi.json", "/metrics"):
            answer = httpx.get(url + path, verify=str(house.authority) if name == "edge" else True, trust_env=False)
            assert {"server", "x-powered-by"}.isdisjoint(answer.headers), (name, answer.headers)
            assert "html" not in answer.headers.get("content-type", ""), (name, answer.headers)
            if not name.startswith("gateway"):
                assert answer.headers["x-content-type-options"] == "nosniff"
            for word in ("uvicorn", "starlette", "python", "Traceback", str(house.running.data_dir)):
                assert word not in answer.text, (name, answer.text)


@pytest.mark.parametrize("depth", [99, 254, 1023, 20_000])
@pytest.mark.parametrize(("before", "behind"), [('{"a":', "}"), ("[", "]")], ids=["objects", "lists"])
def test_no_depth_of_json_is_a_mistake_of_the_hub(
    house: House, solution: Solution, depth: int, before: str, behind: str
) -> None:
    """Refused, or taken where depth does no harm: every door that reads JSON."""
    deep = before * depth + "1" + behind * depth
    legacy = '{"event-type":"a.b","event-type-version":"v1","event-time":"2030-01-01T00:00:00Z","data":%s}'
    event = '{"specversion":"1.0","id":"1","source":"s","type":"a.b.v1","data":%s}'
    service = '{"provider":"p","name":"n","description":"d",%s}'
    doors = [
        ("/shop/v1/events", JSON, legacy % deep),
        ("/shop/v1/events", JSON, deep),
        ("/shop/events", BINARY, deep),
        ("/shop/events", {"content-type": "application/cloudevents+json"}, event % deep),
        ("/shop/events", {"content-type": "application/cloudevents-batch+json"}, f"[{event % deep}]"),
        ("/shop/v1/metadata/services", JSON, deep),
        ("/shop/v1/metadata/services", JSON, service % f'"labels":{deep}'),
        ("/shop/v1/metadata/services", JSON, service % f'"events":{{"spec":{deep}}}'),
        ("/shop/v1/metadata/services", JSON, service % f'"api":{{"targetUrl":"http://x","spec":{deep}}}'),
        ("/v1/applications/certificates/renewals", JSON, deep),
    ]
    for path, headers, content in doors:
        answer = solution("shop").post(path, headers=headers, content=content)
        assert answer.status_code < 500, (path, answer.text)
    assert failures_of(house) == []


@pytest.mark.parametrize("listener", ["edge", "public", "internal", "gateway", "gateway_compass"])
def test_too_much_of_anything_is_refused(house: House, listener: str) -> None:
    """A path, a header, headers, a declared length, a body: a status of the caller's fault, and the hub goes on."""
    url = house.running.listeners[listener]
    path = "/shop/events" if listener == "edge" else "/shop/service"
    for name, raw in {
        "a long path": b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * 2_000_000),
        "a long header": b"GET / HTTP/1.1\r\nhost: x\r\nx-a: %b\r\n\r\n" % (b"a" * 2_000_000),
        "many headers": b"GET / HTTP/1.1\r\nhost: x\r\n%b\r\n" % b"".join(b"x-%d: 1\r\n" % n for n in range(150_000)),
        "a declared length": b"POST %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9999999999\r\n\r\n{"
        % path.encode(),
    }.items():
        with opened(house, url) as connection:
            connection.settimeout(20)
            if name == "a declared length" and listener.startswith("gateway"):
                continue  # bodies pass in parts, as long as the target takes them
            said = answered(connection, raw)
        assert not said or said.startswith(b"HTTP/1.1 4"), (name, said[:100])
    assert failures_of(house) == []
    assert 0 == sum(each["restarts"] for each in house.running.processes().values())


def test_the_state_of_the_hub_is_no_secret_and_holds_none(house: House) -> None:
    """`hub status` and its file: names, process ids, addresses."""
    document = json.loads((house.running.data_dir / "run" / "hub.json").read_text())
    assert {"pid", "state", "listeners", "processes"} <= set(document)
    assert "nats://" not in json.dumps(document)
