"""The double's Director: what upstream's acceptance tests assert of the real one, of which the hub sees the results."""

import base64
import json
from typing import Any

import pytest

from hub.compass import queries
from hub.compass.model import Credentials
from tests.doubles.compass import tokens
from tests.doubles.compass.client import Caller
from tests.doubles.compass.serving import ADMIN
from tests.doubles.compass.world import Refused, SystemAuth, basic, bundle

EVENTING = "query E($id: ID!) { application(id: $id) { eventingConfiguration { defaultURL } } }"
CHOOSE = """mutation C($app: String!, $runtime: String!) {
  setDefaultEventingForApplication(appID: $app, runtimeID: $runtime) { defaultURL } }"""
FORGET = "mutation F($app: String!) { deleteDefaultEventingForApplication(appID: $app) { defaultURL } }"
TOKEN = """mutation T($id: ID!, $auth: ID) { requestOneTimeTokenForApplication(id: $id, systemAuthID: $auth) {
  token rawEncoded legacyConnectorURL } }"""
INSTANCE = "id auth { credential { ... on BasicCredentialData { username } } } status { condition reason } runtimeID"
ASK = f"""mutation A($bundle: ID!) {{
  result: requestBundleInstanceAuthCreation(bundleID: $bundle, in: {{}}) {{ {INSTANCE} }} }}"""
GIVE_BACK = f"mutation G($id: ID!) {{ result: requestBundleInstanceAuthDeletion(authID: $id) {{ {INSTANCE} }} }}"
SET = f"""mutation S($id: ID!, $in: BundleInstanceAuthSetInput!) {{
  result: setBundleInstanceAuth(authID: $id, in: $in) {{ {INSTANCE} }} }}"""
READ = f"query R($id: ID!) {{ result: bundleInstanceAuth(id: $id) {{ {INSTANCE} }} }}"
DELETE = f"mutation D($id: ID!) {{ result: deleteBundleInstanceAuth(authID: $id) {{ {INSTANCE} }} }}"
GIVEN = {"auth": {"credential": {"basic": {"username": "given", "password": "passwd"}}}}


async def told(caller: Caller, document: str, credentials: Credentials, **variables: Any) -> Any:
    """Ask the Director by certificate; returns the answer."""
    return await caller.ask(caller.compass.secured_url("director"), document, credentials, **variables)


async def names(caller: Caller, credentials: Credentials, runtime: str) -> set[str]:
    """Return the names of the applications that a runtime sees."""
    answer = await told(caller, queries.LISTING, credentials, runtime=runtime, first=200)
    return {each["name"] for each in answer["data"]["applicationsForRuntime"]["data"]}


@pytest.mark.parametrize(("label", "prefix"), [("false", ""), ("true", "mp-"), (None, "mp-")])
async def test_a_runtime_sees_its_tenants_applications_under_the_names_it_wants(
    caller: Caller, label: str | None, prefix: str
) -> None:
    """Three of its tenant, none of another one; plain names only when its label says that they are not normalized."""
    world = caller.compass.world
    runtime = world.runtime(**({} if label is None else {"isNormalized": label}))
    world.assign(runtime.id, "default")
    for name in ("first", "second", "third"):
        world.application(name)
    world.application("foreign", tenant="tenant-2")
    paired = await caller.pair("RUNTIME", runtime.id)
    assert {f"{prefix}{name}" for name in ("first", "second", "third")} == await names(caller, paired, runtime.id)


async def test_a_hidden_application_is_seen_by_nobody(caller: Caller) -> None:
    """One whose label has a value of the selectors; another value hides nothing."""
    world = caller.compass.world
    runtime = world.runtime()
    world.assign(runtime.id, "default")
    for name, value in (("shown", "other"), ("hidden", "internal")):
        world.application(name, labels={"kind": value})
    world.hidden["kind"] = ["internal", "draft"]
    paired = await caller.pair("RUNTIME", runtime.id)
    assert {"mp-shown"} == await names(caller, paired, runtime.id)


async def test_an_application_posts_its_events_where_it_was_told_to(caller: Caller) -> None:
    """At the oldest runtime, at the one that was chosen, at the oldest again; without a runtime nowhere."""
    world = caller.compass.world
    hosts = ("https://first.hub.test", "https://second.hub.test")
    first, second = (world.runtime(host, runtime_eventServiceUrl=host) for host in hosts)
    shop, alone = world.application("shop"), world.application("alone", formation=None)
    for runtime in (first, second):
        world.assign(runtime.id, "default")

    async def where(application: str) -> str:
        answer = await caller.admin(EVENTING, id=application)
        return str(answer["application"]["eventingConfiguration"]["defaultURL"])

    at = [f"{host}/mp-shop/v1/events" for host in hosts]
    assert at[0] == await where(shop.id) and "" == await where(alone.id)
    chosen = await caller.admin(CHOOSE, app=shop.id, runtime=second.id)
    assert at[1] == chosen["setDefaultEventingForApplication"]["defaultURL"] == await where(shop.id)
    forgotten = await caller.admin(FORGET, app=shop.id)
    assert at[1] == forgotten["deleteDefaultEventingForApplication"]["defaultURL"]
    assert at[0] == await where(shop.id)


async def test_a_runtime_without_a_common_formation_is_no_place_for_events(caller: Caller) -> None:
    """And only who manages eventing chooses."""
    world = caller.compass.world
    runtime, shop = world.runtime(), world.application("shop")
    headers = {"Authorization": f"Bearer {ADMIN}", "Tenant": "tenant-1"}
    wanted = {"app": shop.id, "runtime": runtime.id}
    answer = await caller.ask(caller.compass.director_url, CHOOSE, None, headers, **wanted)
    assert 27 == answer["errors"][0]["extensions"]["error_code"]
    paired = await caller.pair("RUNTIME", runtime.id)
    answer = await told(caller, CHOOSE, paired, **wanted)
    assert 23 == answer["errors"][0]["extensions"]["error_code"]


async def test_each_token_is_an_auth_that_stays_when_it_is_used(caller: Caller) -> None:
    """Three tokens are three auths; a token on an auth that is there is none more."""
    world = caller.compass.world
    shop = world.application("shop")
    for _ in range(3):
        token = (await caller.admin(TOKEN, id=shop.id))["requestOneTimeTokenForApplication"]["token"]
    used = world.use_token(token)
    assert used is not None and used.used
    again = await caller.admin(TOKEN, id=shop.id, auth=used.id)
    listed = await caller.admin("query L($id: ID!) { application(id: $id) { auths { id } } }", id=shop.id)
    assert 3 == len(listed["application"]["auths"]) and {"id": used.id} in listed["application"]["auths"]
    assert used is world.use_token(again["requestOneTimeTokenForApplication"]["token"])


@pytest.mark.parametrize("kind", ["plain", "legacy", "integration"])
async def test_a_token_is_suggested_in_the_form_that_the_client_can_use(caller: Caller, kind: str) -> None:
    """The text to paste, an address for older clients, and for an integration system the token itself."""
    labels = {"legacy": True} if kind == "legacy" else {}
    shop = caller.compass.world.application("shop", labels=labels)
    shop.integration_system = "system" if kind == "integration" else ""
    headers = {"Authorization": f"Bearer {ADMIN}", "Tenant": "tenant-1", "suggest_token": "true"}
    answer = await caller.ask(caller.compass.director_url, TOKEN, None, headers, id=shop.id)
    made = answer["data"]["requestOneTimeTokenForApplication"]
    plain = json.loads(base64.b64decode(made["rawEncoded"]))["token"]
    assert 88 == len(plain) and made["legacyConnectorURL"].endswith(f"/signingRequests/info?token={plain}")
    wanted = {"plain": made["rawEncoded"], "legacy": made["legacyConnectorURL"], "integration": plain}
    assert wanted[kind] == made["token"]


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://legacy-connector.domain.local", "http://legacy-connector.domain.local?token=token123"),
        ("http://legacy-connector.domain.local?abc=1", "http://legacy-connector.domain.local?abc=1&token=token123"),
        (":123:invalid-url", None),
    ],
    ids=["plain", "with-query", "no-address"],
)
def test_the_address_for_older_clients_holds_the_token(base: str, url: str | None) -> None:
    """Behind whatever query there is."""
    if url is not None:
        assert url == tokens.legacy_url(base, "token123")
        return
    with pytest.raises(Refused, match="Internal Server Error"):
        tokens.legacy_url(base, "token123")


async def test_credentials_with_a_default_are_given_at_once_and_go_at_once(caller: Caller) -> None:
    """A copy of the default, of the runtime that asked; when that runtime goes, they are nobody's."""
    world = caller.compass.world
    runtime, orders = world.runtime(), bundle("orders", auth=basic())
    world.application("shop", orders)
    world.assign(runtime.id, "default")
    paired = await caller.pair("RUNTIME", runtime.id)
    first, second = [(await told(caller, ASK, paired, bundle=orders["id"]))["data"]["result"] for _ in range(2)]
    assert {"condition": "SUCCEEDED", "reason": "CredentialsProvided"} == first["status"]
    assert ("user", runtime.id) == (first["auth"]["credential"]["username"], first["runtimeID"])
    await told(caller, GIVE_BACK, paired, id=first["id"])
    assert (await caller.admin(READ, id=first["id"]))["result"] is None
    await caller.admin("mutation U($id: ID!) { unregisterRuntime(id: $id) { id } }", id=runtime.id)
    assert (await caller.admin(READ, id=second["id"]))["result"]["runtimeID"] is None


async def test_credentials_without_a_default_wait_for_their_application(caller: Caller) -> None:
    """Pending until it gives them, once; when they are not needed any more, it withdraws them."""
    world = caller.compass.world
    runtime, orders = world.runtime(), bundle("orders")
    shop = world.application("shop", orders)
    world.assign(runtime.id, "default")
    paired, solution = await caller.pair("RUNTIME", runtime.id), await caller.pair("APPLICATION", shop.id)
    asked = (await told(caller, ASK, paired, bundle=orders["id"]))["data"]["result"]
    assert {"condition": "PENDING", "reason": "CredentialsNotProvided"} == asked["status"] and asked["auth"] is None
    given = (await told(caller, SET, solution, id=asked["id"], **{"in": GIVEN}))["data"]["result"]
    assert ("SUCCEEDED", "given") == (given["status"]["condition"], given["auth"]["credential"]["username"])
    again = await told(caller, SET, solution, id=asked["id"], **{"in": GIVEN})
    assert 27 == again["errors"][0]["extensions"]["error_code"] and "PENDING" in again["errors"][0]["message"]
    unused = (await told(caller, GIVE_BACK, paired, id=asked["id"]))["data"]["result"]
    assert {"condition": "UNUSED", "reason": "PendingDeletion"} == unused["status"]
    await told(caller, DELETE, solution, id=asked["id"])
    assert (await caller.admin(READ, id=asked["id"]))["result"] is None


@pytest.mark.parametrize(
    ("condition", "auth", "is_right"), [("FAILED", False, True), ("FAILED", True, False), ("SUCCEEDED", False, False)]
)
async def test_an_application_may_refuse_credentials(
    caller: Caller, condition: str, auth: bool, is_right: bool
) -> None:
    """With a reason, and without any; giving and refusing at once, or neither, is an error."""
    world = caller.compass.world
    runtime, orders = world.runtime(), bundle("orders")
    shop = world.application("shop", orders)
    world.assign(runtime.id, "default")
    asked = await told(caller, ASK, await caller.pair("RUNTIME", runtime.id), bundle=orders["id"])
    said = {"status": {"condition": condition, "message": "no", "reason": "No"}} | (GIVEN if auth else {})
    solution = await caller.pair("APPLICATION", shop.id)
    answer = await told(caller, SET, solution, id=asked["data"]["result"]["id"], **{"in": said})
    if is_right:
        assert {"condition": "FAILED", "reason": "No"} == answer["data"]["result"]["status"]
    else:
        assert 22 == answer["errors"][0]["extensions"]["error_code"]


async def test_a_runtime_of_another_formation_gets_no_credentials(caller: Caller) -> None:
    """It is refused, and nothing is asked of the application."""
    world = caller.compass.world
    runtime, orders = world.runtime(), bundle("orders", auth=basic())
    world.application("shop", orders)
    paired = await caller.pair("RUNTIME", runtime.id)
    answer = await told(caller, ASK, paired, bundle=orders["id"])
    assert 27 == answer["errors"][0]["extensions"]["error_code"] and {} == world.instance_auths


async def test_who_calls_is_connected(caller: Caller) -> None:
    """Whatever was set before; another application's call changes nothing."""
    world = caller.compass.world
    shop, crm = world.application("shop"), world.application("crm")
    shop.status = crm.status = "FAILED"
    paired = await caller.pair("APPLICATION", shop.id)
    document = "query S($id: ID!) { application(id: $id) { status { condition } } }"
    answer = await told(caller, document, paired, id=shop.id)
    assert {"condition": "CONNECTED"} == answer["data"]["application"]["status"]
    assert {"condition": "FAILED"} == (await caller.admin(document, id=crm.id))["application"]["status"]


async def test_errors_are_presented_as_the_director_presents_them(caller: Caller) -> None:
    """One without a name says so and why; a name for invalid data, with the reason."""
    world = caller.compass.world
    runtime = world.runtime()
    paired = await caller.pair("RUNTIME", runtime.id)
    unknown = await told(caller, queries.LISTING, paired, runtime="no-uuid", first=200)
    (error,) = unknown["errors"]
    assert 10 == error["extensions"]["error_code"]
    assert "Internal Server Error" in error["message"] and "reason: " in error["message"]
    long = await told(caller, queries.SET_LABEL, paired, runtime=runtime.id, key="k" * 257, value="x")
    assert "key=the length must be no more than 256" in long["errors"][0]["message"]
    nobody = "00000000-0000-4000-8000-000000000000"
    invalid = await told(caller, queries.SET_LABEL, paired, runtime=nobody, key="k", value="x")
    assert "Invalid data [reason=runtime does not exist]" == invalid["errors"][0]["message"]


async def test_a_caller_of_an_unknown_kind_is_nobody(caller: Caller) -> None:
    """It is an error, not a viewer of some kind."""
    world = caller.compass.world
    runtime = world.runtime()
    paired = await caller.pair("RUNTIME", runtime.id)
    (auth,) = world.auths_of(runtime.id)
    world.auths[auth.id] = SystemAuth(auth.id, "UNKNOWN", runtime.id, "tenant-1")
    world.changed()
    answer = await told(caller, "{ viewer { id type } }", paired)
    assert answer["errors"] and answer["data"] is None


async def test_only_a_certificate_can_be_revoked(caller: Caller) -> None:
    """A token is not enough; nothing is revoked."""
    world = caller.compass.world
    token = world.token_for("RUNTIME", world.runtime().id, "tenant-1")
    answer = await caller.connector("mutation { revokeCertificate }", token)
    assert "Failed to authenticate with certificate" in answer["errors"][0]["message"]
    assert answer["data"] is None and set() == world.revoked
