"""From an applied resource to a Function that answers: over the bus, over HTTP, and in its status."""

import asyncio
import base64
import json
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from nats.aio.msg import Msg

from contracts import subjects
from hub.functions.conditions import READY, State, condition_of
from hub.functions.store import FunctionStore
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.clock import SystemClock
from hub.kernel.keys import load_keys
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.room import House
from hub.kernel.state import Bucket
from hub.settings import HubSettings
from tests.conftest import make_settings
from tests.functions.conftest import event_headers, until

HELLO = "def main(event, context):\n    return 'hello ' + context['function-name']\n"


class Hub:
    """A hub that runs the worker under test, and what a person and dispatch do with it."""

    def __init__(self, process: Running, bus: Bus, settings: HubSettings) -> None:
        """Remember the parts."""
        self.process = process
        self.bus = bus
        self.settings = settings
        self.functions = Bucket(bus.js, "functions", RESOURCES)
        self.secrets = Bucket(bus.js, "secrets", RESOURCES)

    async def ask(self, verb: str, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Ask the worker; returns status and answer."""
        reply = await self.bus.nc.request(subjects.ask("functions", verb), orjson.dumps(request), timeout=5)
        return (reply.headers or {})["Hub-Status"], orjson.loads(reply.data)

    async def apply(self, source: str, name: str = "orders", **spec: Any) -> None:
        """Apply a Function with inline source."""
        inline = {"source": source} | spec.pop("inline", {})
        document = {
            "apiVersion": "serverless.kyma-project.io/v1alpha2",
            "kind": "Function",
            "metadata": {"name": name},
            "spec": {"runtime": "python312", "source": {"inline": inline}} | spec,
        }
        status, answer = await self.ask("apply", {"document": document})
        assert status == "200", answer

    async def judged(self, name: str = "orders", *, ready: str = "True", generation: int = 1) -> Resource:
        """Wait until the status says whether a generation is ready."""
        async with asyncio.timeout(60):
            while True:
                entry = await self.functions.get(f"default.{name}")
                found = entry.value if entry is not None else None
                seen = found.status.get("observedGeneration") if found is not None else None
                if found is not None and seen == generation and condition_of(found, READY).get("status") == ready:
                    return found
                await asyncio.sleep(0.01)

    async def call(self, body: bytes = b"{}", name: str = "orders", **headers: str) -> Msg:
        """Call a Function as dispatch does."""
        return await self.bus.nc.request(
            subjects.call("default", name), body, timeout=10, headers=event_headers() | headers
        )

    async def http(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Call over the internal listener."""
        async with httpx.AsyncClient(base_url=self.process.addresses()["internal"]) as client:
            return await client.request(method, path, **request)


@pytest.fixture
async def hub(bus: Bus, running: Callable[..., Awaitable[Running]], tmp_path: Path, nats_url: str) -> Hub:
    """Return a hub that runs Functions, with pauses in milliseconds."""
    packages = tmp_path / "packages"
    packages.mkdir()
    quick = {
        "retry_initial_seconds": 0.02,
        "retry_max_seconds": 0.1,
        "grace_seconds": 1,
        "readable": [str(packages)],
    }
    settings = make_settings(tmp_path, nats_url, functions=quick)
    return Hub(await running(["functions"], ["internal"], settings), bus, settings)


async def test_an_applied_function_answers_events_and_requests(hub: Hub) -> None:
    """One manifest later the Function is ready, says so, and answers on the bus and over HTTP."""
    await hub.apply(HELLO)
    function = await hub.judged()
    conditions = {one["type"]: (one["status"], one["reason"]) for one in function.status["conditions"]}
    assert conditions == {
        "ConfigurationReady": ("True", "FunctionSpecValidated"),
        "Running": ("True", "DeploymentReady"),
        "Ready": ("True", "FunctionReady"),
    }
    reply = await hub.call()
    assert (reply.data, reply.headers) == (b"hello orders", {"Hub-Status": "200"})
    for path in ("/functions/orders", "/functions/default.orders/any/path?x=1"):
        response = await hub.http("PUT", path)
        assert (response.status_code, response.text) == (200, "hello orders")


async def test_a_request_and_its_answer_are_passed_through(hub: Hub) -> None:
    """Method, path, query, headers and body arrive; status, headers and body come back."""
    await hub.apply("""
def main(event, context):
    request = event.req
    told = [request.method, request.path, request.query_string, request.headers["x-own"], request.text]
    return told, 207, {"X-Answer": "yes\\r\\nX-Forged: yes", "Content-Length": "1"}
""")
    await hub.judged()
    response = await hub.http("PATCH", "/functions/orders/a/b?x=1", headers={"X-Own": "o"}, content=b"body")
    assert (response.status_code, response.text) == (207, "PATCH/a/bx=1obody")
    assert response.headers["x-answer"] == "yes X-Forged: yes" and "x-forged" not in response.headers


async def test_unknown_functions_are_not_found(hub: Hub) -> None:
    """On the bus and over HTTP the answer is 404, at once."""
    reply = await hub.call(name="nobody")
    assert (reply.headers or {})["Hub-Status"] == "404" and "There is no Function" in (reply.headers or {})["Hub-Error"]
    assert (await hub.http("GET", "/functions/nobody")).status_code == 404


async def test_a_function_that_raises_is_answered_with_its_error(hub: Hub) -> None:
    """The bus gets status 500 and one line; the HTTP caller gets upstream's body without details."""
    await hub.apply("def main(event, context):\n    raise KeyError('a\\nb')\n")
    await hub.judged()
    reply = await hub.call()
    assert reply.headers == {"Hub-Status": "500", "Hub-Error": "KeyError: 'a\\nb' (handler.py, line 2)"}
    response = await hub.http("POST", "/functions/orders", json={})
    assert (response.status_code, response.text) == (500, "Internal server error")


async def test_the_callers_time_limit_ends_a_call(hub: Hub) -> None:
    """`Hub-Timeout` is kept; the Function goes on answering."""
    await hub.apply("import time\n\ndef main(event, context):\n    time.sleep(event['data'])\n    return 'in time'\n")
    await hub.judged()
    late = await hub.call(b"30", **{"Hub-Timeout": "0.2"})
    assert (late.headers or {})["Hub-Status"] == "408"
    assert (await hub.call(b"0")).data == b"in time"


async def test_func_timeout_limits_http_calls(hub: Hub) -> None:
    """The Function's own limit answers 408 with upstream's text."""
    env = [{"name": "FUNC_TIMEOUT", "value": "0.2"}]
    await hub.apply("import time\n\ndef main(event, context):\n    time.sleep(30)\n", env=env)
    await hub.judged()
    response = await hub.http("GET", "/functions/orders")
    assert (response.status_code, response.text) == (408, "Timeout while processing the function")


async def test_a_syntax_error_is_in_the_status_with_its_line(hub: Hub) -> None:
    """The Function is stored, not ready, and says where its source is wrong."""
    await hub.apply("def main(event, context):\n    return 1 +\n")
    ready = condition_of(await hub.judged(ready="False"), READY)
    assert ready["reason"] == "HandlerLoadFailed"
    assert "SyntaxError: invalid syntax (handler.py, line 2)" in ready["message"]
    assert ((await hub.call()).headers or {})["Hub-Status"] == "502"


async def test_a_new_source_replaces_the_old_one(hub: Hub) -> None:
    """After an update the new source answers; a broken one leaves the old one answering and says so."""
    await hub.apply(HELLO)
    await hub.judged()
    await hub.apply(HELLO.replace("hello", "goodbye"))
    await hub.judged(generation=2)
    assert (await hub.call()).data == b"goodbye orders"
    await hub.apply("def main(:")
    message = condition_of(await hub.judged(ready="False", generation=3), READY)["message"]
    assert "Revision 2 still answers" in message
    assert (await hub.call()).data == b"goodbye orders"


async def test_a_deleted_function_is_gone(hub: Hub) -> None:
    """Its process ends, its files are removed, calls are not found."""
    await hub.apply(HELLO)
    await hub.judged()
    status, _ = await hub.ask("delete", {"name": "orders", "scope": "default"})
    home = hub.settings.data_dir / "functions" / "default.orders"
    await until(lambda: not home.exists())
    assert (status, ((await hub.call()).headers or {})["Hub-Status"]) == ("200", "404")


async def test_a_node_function_without_node_says_what_is_missing(
    bus: Bus, running: Callable[..., Awaitable[Running]], tmp_path: Path, nats_url: str
) -> None:
    """It is accepted as it is; its status gives the reason and what to do."""
    settings = make_settings(tmp_path, nats_url, functions={"node": str(tmp_path / "no-node")})
    hub = Hub(await running(["functions"], ["internal"], settings), bus, settings)
    await hub.apply("module.exports = {}", runtime="nodejs18")
    function = await hub.judged(ready="False")
    found = condition_of(function, "Running")
    assert (found["status"], found["reason"]) == ("False", "RuntimeNotOffered")
    assert "integration-hub[node]" in found["message"]
    assert condition_of(function, "ConfigurationReady")["status"] == "True"


async def test_retired_runtimes_run_on_the_hubs_interpreter(hub: Hub) -> None:
    """The status says what a retired name means here."""
    await hub.apply(HELLO, runtime="python39")
    configured = condition_of(await hub.judged(), "ConfigurationReady")
    assert "runtime python39 is retired and runs on the hub's own interpreter" in configured["message"]


async def store_secret(hub: Hub, **values: str) -> None:
    """Store a sealed Secret as the registry does."""
    keys = load_keys(hub.settings.keys, hub.settings.data_dir)
    plain = orjson.dumps({name: base64.b64encode(value.encode()).decode() for name, value in values.items()})
    sealed = base64.b64encode(keys.seal(plain, "secrets/default.db")).decode()
    await hub.secrets.put(
        "default.db", Resource("v1", "Secret", "db", "default", {"keys": list(values), "sealed": sealed})
    )


async def test_values_of_secrets_reach_the_function_and_nobody_else(hub: Hub) -> None:
    """Before the Secret exists the status names it; then the Function runs, and errors do not show the value."""
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
    await hub.apply("import os\n\ndef main(event, context):\n    raise ValueError(os.environ['PASSWORD'])\n", env=env)
    waiting = condition_of(await hub.judged(ready="False"), READY)
    assert waiting["reason"] == "EnvironmentIncomplete" and "Secret 'db' does not exist" in waiting["message"]
    await store_secret(hub, password="hunter2-hunter2")
    await hub.judged()
    reply = await hub.call()
    assert (reply.headers or {})["Hub-Error"] == "ValueError: *** (handler.py, line 4)"


def write_wheel(directory: Path) -> Path:
    """Write the smallest package that can be installed."""
    path = directory / "tiny_thing-1.0-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_thing.py", "SIZE = 'tiny'\n")
        archive.writestr("tiny_thing-1.0.dist-info/METADATA", metadata)
        archive.writestr("tiny_thing-1.0.dist-info/WHEEL", wheel)
        archive.writestr("tiny_thing-1.0.dist-info/RECORD", "")
    return path


async def test_dependencies_are_installed_once_per_content(hub: Hub, tmp_path: Path) -> None:
    """Two Functions with the same requirements share one environment."""
    source = "import tiny_thing\n\ndef main(event, context):\n    return tiny_thing.SIZE\n"
    inline = {"dependencies": f"# what it needs\n{write_wheel(tmp_path / 'packages')}\n"}
    await hub.apply(source, "first", inline=inline)
    await hub.apply(source, "second", inline=inline)
    for name in ("first", "second"):
        await hub.judged(name)
        assert (await hub.call(name=name)).data == b"tiny"
    assert len(list((hub.settings.data_dir / "functions" / "environments").iterdir())) == 1


async def test_a_failed_installation_is_in_the_status_with_the_installers_own_words(hub: Hub, tmp_path: Path) -> None:
    """The message holds the whole error."""
    await hub.apply(HELLO, inline={"dependencies": str(tmp_path / "there-is-none.whl")})
    configured = condition_of(await hub.judged(ready="False"), "ConfigurationReady")
    assert (configured["status"], configured["reason"]) == ("False", "DependenciesFailed")
    assert "there-is-none.whl" in configured["message"]


async def test_deployments_and_failures_are_announced(hub: Hub) -> None:
    """Contract events tell other workers, once per fact."""
    seen: list[str] = []

    async def keep(message: Msg) -> None:
        seen.append(f"{message.subject} {json.loads(message.data).get('error', '')}".strip())

    await hub.bus.nc.subscribe("hub.function.>", cb=keep)
    await hub.apply("def main(event, context):\n    raise ValueError\n")
    await hub.judged()
    await hub.call()
    await until(lambda: len(seen) == 2)
    assert seen == ["hub.function.v1.deployed", "hub.function.v1.failed failed"]


async def test_two_processes_of_the_worker_share_calls_and_agree_on_the_status(
    hub: Hub, running: Callable[..., Awaitable[Running]]
) -> None:
    """Side by side each runs its own process of the Function; the status stays one."""
    await running(["functions"], [], hub.settings)
    await hub.apply("import os\n\ndef main(event, context):\n    return str(os.getpid())\n")
    await hub.judged()
    pids: set[bytes] = set()
    async with asyncio.timeout(10):
        while len(pids) < 2:
            reply = await hub.call()
            pids |= {reply.data} if (reply.headers or {})["Hub-Status"] == "200" else set()
    assert len(pids) == 2
    before = await hub.judged()
    assert before.revision == (await hub.judged()).revision


async def test_a_status_that_lost_the_race_is_written_after_all(hub: Hub) -> None:
    """Two processes that write at the same moment both get their word in; none is an error."""
    await hub.apply("module.exports = {}", runtime="nodejs22")
    function = await hub.judged(ready="False")
    house = House(
        hub.settings.kernel(), hub.bus, SystemClock(), load_keys(hub.settings.keys, hub.settings.data_dir), *[None] * 2
    )  # type: ignore[arg-type]  # the store uses neither outbound clients nor objects
    store = FunctionStore(house.for_room("functions"))
    states = [State("failed", "DeploymentFailed", f"state {number}") for number in range(4)]
    assert await asyncio.gather(*(store.put_status(function, state) for state in states)) == [True] * 4


async def test_what_does_not_concern_the_process_does_not_restart_it(hub: Hub) -> None:
    """A changed label of the object leaves the process running."""
    await hub.apply("import os\n\ndef main(event, context):\n    return str(os.getpid())\n")
    function = await hub.judged()
    before = (await hub.call()).data
    changed = replace(function, labels={"team": "a"}, revision=0).to_document()
    del changed["status"]
    assert (await hub.ask("apply", {"document": changed}))[1]["outcome"] == "configured"
    await hub.apply(HELLO, "later")
    await hub.judged("later")
    assert before == (await hub.call()).data


async def test_functions_found_at_the_start_are_run(
    bus: Bus, running: Callable[..., Awaitable[Running]], hub: Hub
) -> None:
    """A restarted worker runs what was deployed before."""
    await hub.apply(HELLO)
    await hub.judged()
    await hub.process.stop()
    again = Hub(await running(["functions"], ["internal"], hub.settings), bus, hub.settings)
    async with asyncio.timeout(10):
        while (reply := await again.call()).data != b"hello orders":
            assert (reply.headers or {})["Hub-Status"] == "502"
            await asyncio.sleep(0.01)
