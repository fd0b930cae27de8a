"""The public listener of a real hub: what it says to whoever opens its address."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from hub import __version__
from hub.up.client import RunningHub, start_hub
from tests.up.conftest import until

SETTINGS = {
    "HUB_EDGE__PORT": "0",
    "HUB_PUBLIC__PORT": "0",
    "HUB_INTERNAL__PORT": "0",
    "HUB_UP__BACKOFF_SECONDS": "2",  # long enough that its absence is seen
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """Return a hub for the tests of this file."""
    running = start_hub(tmp_path_factory.mktemp("front") / "hub", SETTINGS)
    yield running
    running.stop()


def get(hub: RunningHub, path: str, **headers: str) -> httpx.Response:
    """Ask the public listener."""
    return httpx.get(hub.listeners["public"] + path, headers=headers, trust_env=False)


def test_the_address_says_what_it_is_and_where_what_is(hub: RunningHub) -> None:
    """Name, version, state, processes and addresses; neither pids nor directories, for nobody has said who he is."""
    answer = get(hub, "/")
    said = answer.json()
    assert ("hub", __version__, "ready") == (said["name"], said["version"], said["state"])
    assert dict.fromkeys(hub.processes(), "ready") == said["processes"]
    assert hub.listeners == {name: found["url"] for name, found in said["listeners"].items()}
    assert str(hub.data_dir) not in answer.text
    assert {"name", "version", "state", "processes", "listeners", "health"} == said.keys()


def test_a_browser_gets_it_as_text(hub: RunningHub) -> None:
    """Whoever opens the address in a browser reads lines."""
    answer = get(hub, "/", accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith(f"hub {__version__} · ready\n")
    assert hub.listeners["edge"] in answer.text


def test_readiness_is_that_of_the_whole_hub(hub: RunningHub) -> None:
    """While a worker is away /readyz is 503 with Retry-After and /healthz 200; then both are 200 again."""
    assert [200, 200] == [get(hub, "/healthz").status_code, get(hub, "/readyz").status_code]
    os.kill(hub.processes()["dispatch"]["pid"], signal.SIGKILL)
    until(lambda: get(hub, "/readyz").status_code == 503)
    answer = get(hub, "/readyz")
    assert {"status": "degraded"} == answer.json() and answer.headers["retry-after"] == "1"
    assert get(hub, "/healthz").status_code == 200
    until(lambda: get(hub, "/readyz").status_code == 200)


def test_other_paths_and_methods_are_refused(hub: RunningHub) -> None:
    """Nothing else is served yet: problem details, and `Allow` where the method is wrong."""
    missing = get(hub, "/nothing")
    assert missing.status_code == 404 and missing.headers["content-type"] == "application/problem+json"
    wrong = httpx.post(hub.listeners["public"] + "/", trust_env=False)
    assert wrong.status_code == 405 and wrong.headers["allow"] == "GET, HEAD"
