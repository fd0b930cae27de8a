"""The requests that upstream's own suite makes of its runtimes, made of a Function of the hub."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.functions.runtime.interpreters import find_node
from hub.kernel.errors import InvalidInput
from hub.kernel.http.app import application
from hub.kernel.http.server import Listener
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.settings import ListenerSettings
from hub.kernel.state import Bucket
from tests.functions.test_deployment import Hub, hub

__all__ = ["hub"]  # the fixture

PYTHON = """
import os, json, urllib.request

def main(event, context):
    path = event.req.path
    if path == "/env":
        return os.environ["CONFIG"] + "-" + os.environ["SECOND"]
    if path == "/call":
        return urllib.request.urlopen(os.environ["OTHER"], timeout=5).read()
    if "ce-type" in event:
        told = {name: event[name] for name in event if name.startswith("ce-")}
        return json.dumps(told | {"data": event["data"]})
    return "hello"
"""
NODE = """
const env = process.env;
module.exports = { main: async (event) => {
  const { path } = event.extensions.request;
  if (path === '/env') return `${env.CONFIG}-${env.SECOND}`;
  if (path === '/call') return (await fetch(env.OTHER)).text();
  if (event['ce-type']) {
    const told = Object.fromEntries(Object.entries(event).filter(([name]) => name.startsWith('ce-')));
    return JSON.stringify({ ...told, data: event.data });
  }
  return 'hello';
} };
"""


class Other:
    """Another service, which a Function calls."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.headers: dict[str, str] = {}
        settings = ListenerSettings(host="127.0.0.1", port=0)
        self.listener = Listener("other", settings, application([Route("/", self.take)]), None)

    async def take(self, request: Request) -> Response:
        """Note the headers."""
        self.headers = dict(request.headers)
        return Response("called")


@pytest.fixture
async def other() -> AsyncIterator[Other]:
    """Return another service."""
    made = Other()
    await made.listener.open()
    yield made
    await made.listener.close()


@pytest.fixture(params=["python312", "nodejs22"])
async def client(request: pytest.FixtureRequest, hub: Hub, other: Other) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a Function, called by the name that it has within a cluster."""
    if request.param == "nodejs22":
        try:
            await find_node("nodejs22", None)
        except InvalidInput:
            pytest.skip("there is no Node on this machine; the extra `node` brings one")
    config = Resource("v1", "ConfigMap", "values", "default", {"data": {"a": "Value taken as env from ConfigMap"}})
    await Bucket(hub.bus.js, "configmaps", RESOURCES).put("default.values", config)
    env: list[dict[str, Any]] = [
        {"name": "CONFIG", "valueFrom": {"configMapKeyRef": {"name": "values", "key": "a"}}},
        {"name": "SECOND", "value": "Value taken as env from Secret"},
        {"name": "OTHER", "value": f"{other.listener.address}/"},
    ]
    source = PYTHON if request.param == "python312" else NODE
    await hub.apply(source, runtime=request.param, env=env)
    await hub.judged()
    headers = {"host": "orders.default.svc.cluster.local"}
    async with httpx.AsyncClient(base_url=hub.process.addresses()["internal"], headers=headers) as made:
        yield made


async def test_the_requests_of_upstreams_suite_get_its_answers(client: httpx.AsyncClient, other: Other) -> None:
    """A constant, values of the environment, both modes of a CloudEvent, and the trace of a call that goes on."""
    constant = await client.request("GET", "/", json={"testData": ""})
    assert (constant.status_code, constant.text) == (200, "hello")
    joined = "Value taken as env from ConfigMap-Value taken as env from Secret"
    assert (await client.get("/env")).text == joined

    event = {
        "specversion": "1.0", "id": "a71a2f80-5d0a-4f8b-9f3c-9c5f0d2f5a01", "source": "contract-test",
        "time": "2030-01-02T03:04:05Z", "eventtypeversion": "v1alpha2",
    }  # fmt: skip
    structured = event | {"type": "test-structured", "data": {"hello": "structured"}}
    binary = {f"ce-{name}": value for name, value in (event | {"type": "test-binary"}).items()}
    media = {"content-type": "application/cloudevents+json"}
    answers = [
        (await client.post("/", content=json.dumps(structured), headers=media)).json(),
        (await client.post("/", json={"hello": "binary"}, headers=binary)).json(),
    ]
    for answer, mode in zip(answers, ("structured", "binary"), strict=True):
        seen = {f"ce-{name}": value for name, value in event.items()} | {"ce-type": f"test-{mode}"}
        assert seen.items() <= answer.items() and answer["data"] == {"hello": mode}

    assert (await client.get("/call", headers={"X-B3-Sampled": "1"})).text == "called"
    assert all(other.headers.get(name) for name in ("traceparent", "x-b3-traceid", "x-b3-spanid"))
    assert other.headers["x-b3-sampled"] == "1"


async def test_upstreams_metrics_have_upstreams_names(client: httpx.AsyncClient, hub: Hub) -> None:
    """Calls, failures and durations; of Node the last by the name that its runtimes give it."""
    await client.get("/")
    told = (await client.get("/metrics")).text
    assert 'function_calls_total{function="default.orders",method="GET"} 1.0' in told
    assert 'function_duration_seconds_count{function="default.orders"} 1.0' in told
    of_node = 'function_duration_miliseconds_count{function="default.orders",otel_scope_name="orders"} 1.0' in told
    assert of_node == ((await hub.judged()).spec["runtime"] == "nodejs22")
