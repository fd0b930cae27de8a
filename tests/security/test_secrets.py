"""Secrets brought in by every door, used and misused, and then looked for everywhere: in none but where they belong."""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.up.ports import free_port
from tests.journeys.conftest import House
from tests.security.canaries import canary, forms_of, found_in
from tests.security.conftest import Solution
from tests.security.records import failures_of

FUNCTION = """
def main(event, context):
    import os
    wanted = (event["data"] or {}).get("wanted", "")
    if wanted == "token":
        return os.environ["HUB_WORKLOAD_TOKEN"]
    print("looking for", os.environ["PASSWORD"])
    if wanted == "fail":
        raise ValueError("no luck with " + os.environ["PASSWORD"])
    if wanted == "exit":
        os._exit(3)
    return {"length": len(os.environ["PASSWORD"])}
"""
PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")


@dataclass
class Outside:
    """A server that plays every target, sink and token endpoint, and remembers what it was shown."""

    seen: list[bytes] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    port: int = 0

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}"


class Handler(BaseHTTPRequestHandler):
    """Answers by path: `/token` with a token, `/deny` 401, `/fail` 500, anything else 200."""

    outside: Outside
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.outside.seen.append(self.path.encode() + bytes(self.headers) + body)
        path = self.path.partition("?")[0]
        status = {"/deny": 401, "/fail": 500}.get(path, 200)
        token = {"access_token": self.outside.tokens.get("bearer"), "expires_in": 60}
        said = json.dumps(token if path == "/token" else {})
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())

    do_GET = do_POST  # noqa: N815 - the library's name

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    """Return the running server."""
    made = Outside()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"outside": made}))
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


def until(fact: Callable[[], Any], seconds: float = 180) -> Any:
    """Wait until a fact holds; return it."""
    limit = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.2)
    return found


class Stage:
    """The hub, its secrets, and everything it was heard to say."""

    def __init__(self, house: House, outside: Outside, shop: httpx.Client) -> None:
        """Begin without any secret."""
        self.house = house
        self.outside = outside
        self.shop = shop
        self.plain = httpx.Client(timeout=30, trust_env=False)
        self.canaries: dict[str, bytes] = {}
        self.said: list[tuple[str, bytes]] = []

    def new(self, name: str) -> str:
        """Return a new secret."""
        value = canary(name)
        self.canaries[name] = value.encode()
        return value

    def hear(self, name: str, answer: httpx.Response) -> httpx.Response:
        """Note an answer, whole."""
        self.said.append((name, str(answer.headers).encode() + answer.content))
        return answer

    def hub(self, *arguments: str, stdin: str = "", status: int = 0) -> str:
        """Run a command and note what it says."""
        said = self.house.hub(*arguments, stdin=stdin, status=status)
        self.said.append((" ".join(arguments), said.encode()))
        return said

    def apply(self, *documents: dict[str, Any], status: int = 0) -> str:
        """Apply manifests."""
        return self.hub("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, documents)), status=status)

    def register(self, name: str, **api: Any) -> httpx.Response:
        """Register an API as the solution does."""
        details = {"provider": "p", "name": name, "description": "d", "api": api}
        return self.hear(f"register {name}", self.shop.post("/shop/v1/metadata/services", json=details))

    def secret(self, name: str, scope: str, **values: str) -> None:
        """Store a Secret."""
        metadata = {"name": name, "namespace": scope}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})


def credentials(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return what each kind of API is registered with."""
    new, url = stage.new, stage.outside.url
    stage.outside.tokens["bearer"] = new("bearer")
    basic = {"basic": {"username": new("user"), "password": new("password")}}
    oauth = {"oauth": {"url": f"{url}/token", "clientId": new("client"), "clientSecret": new("client-secret")}}
    lost = {"oauth": {"url": f"{url}/deny", "clientId": new("lost-client"), "clientSecret": new("lost-secret")}}
    parameters = {"headers": {"X-Api-Key": [new("api-key")]}, "queryParameters": {"key": [new("query-key")]}}
    reading = {"basic": {"username": new("reader"), "password": new("reader-password")}}
    return {
        "basic": {"targetUrl": f"{url}/basic", "credentials": basic},
        "denied": {"targetUrl": f"{url}/deny", "credentials": basic},
        "failing": {"targetUrl": f"{url}/fail", "credentials": basic, "requestParameters": parameters},
        "away": {"targetUrl": f"http://127.0.0.1:{free_port()}", "credentials": basic, "requestParameters": parameters},
        "oauth": {"targetUrl": f"{url}/oauth", "credentials": oauth},
        "no token": {"targetUrl": f"{url}/oauth", "credentials": lost},
        "documented": {
            "targetUrl": f"{url}/basic", "specificationUrl": f"{url}/fail?key={new('spec-query')}",
            "specificationCredentials": reading, "specificationRequestParameters": {"headers": {"X-S": [new("spec")]}},
        },
        "certified": {"targetUrl": f"{url}/basic", "credentials": {"certificateGen": {"commonName": "hub"}}},
        "wrong": {"targetUrl": 7, "credentials": {"basic": {"username": new("w-user"), "password": [new("w-word")]}}},
    }  # fmt: skip


def call_apis(stage: Stage) -> None:
    """Register every kind of API, call each, and read it back."""
    for name, api in credentials(stage).items():
        stage.register(name, **api)
    listed = stage.hear("list", stage.shop.get("/shop/v1/metadata/services")).json()
    for each in listed:
        stage.hear("details", stage.shop.get(f"/shop/v1/metadata/services/{each['id']}"))
    known = stage.house.answer("get", "application", "shop")["spec"]["services"]
    caller = {"authorization": f"Bearer {stage.new('caller')}", "cookie": f"session={stage.new('cookie')}"}
    # Other tests registered events and APIs in the same hub.
    apis = [each for service in known for each in service["entries"] if each["type"] == "API"]
    for api in apis:
        url = f"{api['centralGatewayUrl']}/a?secret={stage.new('caller-query')[:30]}"
        stage.hear("call", stage.plain.get(url, headers=caller))
    basic = next(api for api in apis if api["targetUrl"] == f"{stage.outside.url}/basic")
    own = {"access-token": f"Bearer {stage.new('own-token')}"}
    stage.hear("own token", stage.plain.get(basic["centralGatewayUrl"], headers=own))


def deliver_events(stage: Stage) -> None:
    """Deliver signed events to a sink that fails, until they are dead letters; post with credentials of no use."""
    stage.secret("signing", "default", current=f"whsec_{base64.b64encode(stage.new('signing').encode()).decode()}")
    delivery = {"maxAttempts": 2, "backoff": {"schedule": ["10ms"]}, "signing": {"secretName": "signing"}}
    sink = f"http://hook:{stage.new('sink-password')[:-4]}@127.0.0.1:{stage.outside.port}/fail"
    subscription = {
        "apiVersion": "eventing.kyma-project.io/v1alpha2", "kind": "Subscription", "metadata": {"name": "hook"},
        "spec": {"sink": sink, "source": "shop", "types": ["order.made.v1"], "typeMatching": "standard",
                 "delivery": delivery},
    }  # fmt: skip
    stage.apply(subscription)
    until(lambda: ready(stage, "subscription", "hook") == "True")
    headers = {
        "ce-specversion": "1.0", "ce-id": "one", "ce-source": "shop", "ce-type": "order.made.v1",
        "authorization": f"Bearer {stage.new('poster')}", "cookie": stage.new("poster-cookie"),
        "x-api-key": stage.new("poster-key"), "content-type": "application/json",
    }  # fmt: skip
    stage.hear("post", stage.shop.post("/shop/events", headers=headers, content=b"{}"))
    stage.hear("refused", stage.shop.post("/shop/events", headers=headers, content=b"{"))
    stage.hear("publish", stage.plain.post(f"{stage.house.running.listeners['internal']}/publish", headers=headers))
    until(lambda: "one" in stage.house.hub("dead", "list"))
    stage.hub("dead", "list")
    stage.hub("events", "show", "one", "--app", "shop", "--type", "order.made.v1")
    stage.hub("dead", "show", "1")


def run_functions(stage: Stage) -> None:
    """Run a Function with a Secret in its environment, that fails and dies; another whose source needs a password."""
    stage.secret("environment", "default", password=stage.new("environment"))
    reference = {"name": "environment", "key": "password"}
    variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": reference}}
    header = {"apiVersion": "serverless.kyma-project.io/v1alpha2", "kind": "Function"}
    source, runtime = {"inline": {"source": FUNCTION}}, {"runtime": "python312"}
    stage.secret("git", "default", username=stage.new("git-user"), password=stage.new("git-password"))
    authorization = {"type": "basic", "secretName": "git"}
    remote = {"url": f"{stage.outside.url}/deny/x.git", "reference": "main", "baseDir": "/", "auth": authorization}
    stage.apply(
        header | {"metadata": {"name": "keeper"}, "spec": runtime | {"source": source, "env": [variable]}},
        header | {"metadata": {"name": "remote"}, "spec": runtime | {"source": {"gitRepository": remote}}},
    )
    until(lambda: ready(stage, "function", "keeper") == "True")
    until(lambda: ready(stage, "function", "remote") == "False")
    token = stage.house.hub("function", "invoke", "keeper", "--data", '{"wanted": "token"}')  # asked for: not noted
    stage.canaries["workload"] = token.strip().strip('"').encode()
    assert len(stage.canaries["workload"]) > 60
    address = f"{stage.house.running.listeners['internal']}/functions/keeper"
    for wanted in ("fail", "exit", ""):
        stage.hear("function", stage.plain.post(address, json={"wanted": wanted}))
    for forged in (stage.canaries["workload"].decode(), stage.new("forged")):
        stage.hear("workload", stage.plain.get(stage.house.running.listeners["gateway"] + "/shop/x",
                                               headers={"hub-workload-token": forged}))  # fmt: skip


def ready(stage: Stage, kind: str, name: str) -> str:
    """Return whether a resource is ready, once it says so."""
    status = stage.house.answer("get", kind, name).get("status", {})
    conditions = (each["status"] for each in status.get("conditions", []) if each["type"] in ("Ready", "Running"))
    return str(status["ready"]) if "ready" in status else next(conditions, "")


def pair_badly(stage: Stage) -> None:
    """Use pairing tokens up and wrongly, and pair with a Compass that is not there."""
    url = stage.house.answer("token", "shop")["url"]
    stage.canaries["pairing"] = url.rpartition("token=")[2].encode()
    info = stage.shop.get(url)
    second = info.json()["csrUrl"]
    stage.canaries["second pairing"] = second.rpartition("token=")[2].encode()
    assert min(len(stage.canaries[name]) for name in ("pairing", "second pairing")) >= 20
    stage.hear("pair again", stage.shop.get(url))
    stage.hear("pair", stage.shop.post(second, json={"csr": stage.new("csr")}))
    away = f"http://127.0.0.1:{free_port()}/graphql"
    stage.hub(
        "compass", "pair", "--connector-url", away, "--runtime-id", "r", "--token", "-",
        stdin=stage.new("compass") + "\n", status=1,
    )  # fmt: skip
    stage.hub("compass", "status", status=1)


def look_around(stage: Stage) -> None:
    """Note everything that operators and monitoring can see."""
    for kind in ("applications", "subscriptions", "functions", "secrets", "configmaps"):
        stage.hub("get", kind, "-o", "yaml")
    for command in ("status", "audit", "settings"):
        stage.hub(command)
    stage.hub("function", "logs", "keeper")
    for name, process in stage.house.running.processes().items():
        if "metrics" in process["listeners"]:
            for path in ("/metrics", "/readyz"):
                stage.hear(f"{path} of {name}", stage.plain.get(process["listeners"]["metrics"] + path))


@pytest.fixture(scope="module")
def stage(house: House, outside: Outside, solution: Solution) -> Iterator[Stage]:
    """Return the hub after everything has happened."""
    made = Stage(house, outside, solution("shop"))
    for act in (call_apis, deliver_events, run_functions, pair_badly, look_around):
        act(made)
    yield made
    made.plain.close()


ON_PURPOSE = {
    "sink-password": "stands in the Subscription itself, as whoever wrote it put it there",
    "spec-query": "stands in the registered address itself",
}
"""Secrets in places that are no secret: shown with the resource, and absent from logs and metrics all the same."""
OWN = {"details": {"api-key", "query-key", "spec"}}
"""As upstream, a solution reads back the request parameters that it registered itself."""


def test_secrets_were_used(stage: Stage) -> None:
    """What was looked for below did work: targets, sinks and token endpoints were shown these."""
    shown = b"\n".join(stage.outside.seen)
    used = {"password", "client-secret", "bearer", "api-key", "query-key", "reader-password", "spec", "own-token"}
    assert used <= set(found_in(shown, stage.canaries)), sorted(used - set(found_in(shown, stage.canaries)))


def test_no_answer_holds_a_secret(stage: Stage) -> None:
    """Of any surface, command, metric or error, in any encoding."""
    hidden = {name: value for name, value in stage.canaries.items() if name not in ON_PURPOSE}
    told = [(where, set(found_in(said, hidden)) - OWN.get(where, set())) for where, said in stage.said]
    assert [] == [(where, names) for where, names in told if names]


def test_no_log_holds_a_secret(stage: Stage) -> None:
    """Of any process, at the level debug; and nothing of all this was a mistake of the hub."""
    for path in (stage.house.running.data_dir / "log").rglob("*"):
        if path.is_file():
            assert (path.name, []) == (path.name, found_in(path.read_bytes(), stage.canaries))
    assert failures_of(stage.house) == []


def test_nothing_at_rest_holds_a_secret(stage: Stage) -> None:
    """In no file of the data directory - the event store, Functions, state - nor a private key in the clear."""
    hidden = {name: value for name, value in stage.canaries.items() if name not in ON_PURPOSE}
    for path in stage.house.running.data_dir.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert (str(path), []) == (str(path), found_in(content, hidden))
            assert not PRIVATE.search(content), path


def test_the_keys_of_the_house_are_in_their_own_files_only(stage: Stage) -> None:
    """The master key and the event store's password: each where it is kept, readable by its owner, and nowhere else."""
    root = stage.house.running.data_dir
    master = (root / "master.key").read_text().strip()
    password = json.loads((root / "nats" / "credentials.json").read_text())
    kept = {"master": base64.b64decode(master), "master as text": master.encode()}
    kept |= {f"store {name}": str(value).encode() for name, value in password.items() if len(str(value)) > 15}
    allowed = {"master.key", "credentials.json", "nats.json", "nats-server.conf"}
    holders = {p.name for p in root.rglob("*") if p.is_file() and found_in(p.read_bytes(), kept)}
    assert holders <= allowed and {"master.key", "nats.json"} <= holders
    assert [] == [(where, found) for where, said in stage.said if (found := found_in(said, kept))]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_secret_is_found_in_every_form(before: bytes, behind: bytes) -> None:
    """The search itself: base64 at any offset, hexadecimal, quoted."""
    secret = b"canary-x-0123456789abcdef/+~?"
    whole = before + secret + behind
    for held in (whole, base64.b64encode(whole), base64.urlsafe_b64encode(whole), whole.hex().encode()):
        assert ["x"] == found_in(held, {"x": secret})
    assert all(len(form) > 20 for form in forms_of(secret))
