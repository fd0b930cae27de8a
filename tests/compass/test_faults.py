"""What goes wrong at the Director: it is said, nothing is removed, and the next attempt recovers by itself."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.kernel import metrics
from tests.compass.conftest import Hub, until
from tests.doubles.compass.serving import Fault
from tests.doubles.compass.world import api, bundle, spec

PARTIAL = [{"message": "Internal Server Error [errorID=1]", "extensions": {"error_code": 10, "error": "InternalError"}}]


def first_page_again(answer: dict[str, Any]) -> None:
    """Announce a page more, at a cursor that leads back to the begin."""
    answer["data"]["applicationsForRuntime"]["pageInfo"] = {"hasNextPage": True, "endCursor": "MA=="}


def endless(answer: dict[str, Any]) -> None:
    """Answer empty pages without end."""
    page = answer["data"]["applicationsForRuntime"]
    page["data"], page["pageInfo"] = [], {"hasNextPage": True, "endCursor": "MA=="}


def without_cursor(answer: dict[str, Any]) -> None:
    """Announce a page more and do not say where."""
    answer["data"]["applicationsForRuntime"]["pageInfo"] = {"hasNextPage": True, "endCursor": ""}


def shortened(answer: dict[str, Any]) -> None:
    """Leave one out, and count it."""
    answer["data"]["applicationsForRuntime"]["data"].pop()


def at(*path: str, value: Any = None) -> Callable[[dict[str, Any]], None]:
    """Put a value at a place of the answer."""

    def change(answer: dict[str, Any]) -> None:
        place = answer
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


FAULTS = {
    "down": (Fault(drop=True), "does not answer"),
    "slow": (Fault(seconds=3), "does not answer in time"),
    "html": (Fault(status=200, body="<html>login</html>"), "its answer is not JSON"),
    "html-500": (Fault(status=500, body="<html>oops</html>"), "status 500"),
    "busy": (Fault(status=429, body="{}"), "status 429"),
    "errors": (Fault(change=lambda _answer: {"data": None, "errors": PARTIAL}), "Internal Server Error"),
    "partial": (Fault(change=at("errors", value=PARTIAL)), "(code 10)"),
    "no-data": (Fault(change=lambda _answer: {"data": None}), "has no data"),
    "no-answer": (Fault(change=lambda _answer: {"message": "unauthorized"}), "has no data"),
    "list": (Fault(change=lambda _answer: [1]), "no GraphQL answer"),
    "no-runtime": (Fault("Listing", change=at("data", "runtime")), "does not know the Runtime"),
    "no-page": (Fault(change=at("data", "applicationsForRuntime")), "no applications"),
    "no-list": (Fault(change=at("data", "applicationsForRuntime", "data")), "applications: data"),
    "no-page-info": (Fault(change=at("data", "applicationsForRuntime", "pageInfo")), "pageInfo"),
    "page-again": (Fault(change=first_page_again, times=2), "stands on two pages"),
    "endless": (Fault(change=endless), "the pages do not end"),
    "no-cursor": (Fault(change=without_cursor), "gives no cursor"),
    "short": (Fault(change=shortened), "totalCount says 2"),
    "null-id": (Fault("Listing", change=at("data", "applicationsForRuntime", "data", value=[{"id": None}])), "id"),
}


@pytest.fixture
async def synchronized(start: Callable[..., Awaitable[Hub]]) -> Hub:
    """Return a hub that has two Applications, and pauses long enough after a failure to look at it."""
    hub = await start(timeout_seconds=1, minimal_seconds=60, interval_seconds=60)
    for name in ("shop", "crm"):
        hub.compass.world.application(name, bundle("orders", apis=[api("a")]))
    await hub.paired()
    return hub


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("word", ["query Listing", "query Applications"], ids=["names", "pages"])
async def test_a_faulty_answer_is_said_removes_nothing_and_the_next_attempt_recovers(
    synchronized: Hub, name: str, word: str
) -> None:
    """Whichever of the two lists it is, and although an application has gone meanwhile."""
    hub, (fault, said) = synchronized, FAULTS[name]
    if fault.word == "Listing" and "Listing" not in word:
        pytest.skip("only the list of names has it")
    hub.compass.world.remove(next(iter(hub.compass.world.applications.values())))
    hub.compass.world.application("new")
    hub.compass.faults.append(
        Fault(word, status=fault.status, body=fault.body, change=fault.change, seconds=fault.seconds, drop=fault.drop,
              times=fault.times)
    )  # fmt: skip
    status = await hub.sync()
    assert "SynchronizationFailed" == status["connectionState"]
    assert said in status["synchronizationStatus"]["error"]
    assert {"mp-shop", "mp-crm"} <= (await hub.applications()).keys()
    status = await hub.sync()
    assert "Synchronized" == status["connectionState"] and "error" not in status["synchronizationStatus"]
    assert 2 == len(await hub.applications())


async def test_a_director_that_stays_away_is_retried_and_nothing_is_lost(start: Callable[..., Awaitable[Hub]]) -> None:
    """Compass goes away and comes back; nobody has to do anything."""
    hub = await start(timeout_seconds=1, interval_seconds=0.3)
    hub.compass.world.application("shop")
    await hub.paired()
    ports = hub.compass.port, hub.compass.secured_port
    await hub.compass.stop()
    status = await hub.state("ConnectionMaintenanceFailed")
    assert "does not answer" in status["connectionStatus"]["error"]
    assert "mp-shop" in await hub.applications()
    hub.compass.world.application("crm")
    await hub.compass.start(*ports)
    status = await hub.state("Synchronized")
    assert "error" not in status["connectionStatus"]

    async def arrived() -> bool:
        return "mp-crm" in await hub.applications()

    await until(arrived)


@pytest.mark.parametrize(
    "broken",
    [{"name": None}, {"auths": [{}]}, {"bundles": {"data": None}}, {"bundles": {"data": [{"id": "b", "name": None}]}}],
    ids=["no-name", "auth-without-id", "bundles-without-data", "bundle-without-name"],
)
async def test_one_broken_application_is_said_and_the_others_proceed(synchronized: Hub, broken: dict[str, Any]) -> None:
    """It stays as it was; what is wrong with it stands in the status."""
    hub = synchronized

    def change(answer: dict[str, Any]) -> None:
        nodes = answer["data"]["applicationsForRuntime"]["data"]
        next(node for node in nodes if node["name"] == "mp-shop").update(broken)

    for app in hub.compass.world.applications.values():
        app.description = "changed"
    hub.compass.world.changed()
    hub.compass.faults.append(Fault("query Applications", change=change))
    status = await hub.sync()
    assert "Synchronized" == status["connectionState"]
    (failure,) = status["applications"]["failures"]
    assert ("mp-shop", "read") == (failure["name"], failure["operation"])
    found = await hub.applications()
    assert ("Description not provided", "changed") == (
        found["mp-shop"].spec["description"], found["mp-crm"].spec["description"]
    )  # fmt: skip


async def test_bundles_that_are_null_are_none(synchronized: Hub) -> None:
    """An application without Services, as upstream has it."""
    hub = synchronized

    def change(answer: dict[str, Any]) -> None:
        for node in answer["data"]["applicationsForRuntime"]["data"]:
            node["bundles"] = None

    hub.compass.faults.append(Fault("query Applications", change=change))
    await hub.sync()
    assert [[], []] == [found.spec["services"] for found in (await hub.applications()).values()]


async def test_everything_gone_is_kept_until_a_person_accepts_it(synchronized: Hub) -> None:
    """An empty list is what a fault looks like too."""
    hub = synchronized
    for app in list(hub.compass.world.applications.values()):
        hub.compass.world.remove(app)
    status = await hub.sync()
    assert ["mp-crm", "mp-shop"] == status["applications"]["withheldRemovals"]
    assert "--accept-removals" in status["synchronizationStatus"]["error"]
    assert any("--accept-removals" in alert for alert in await hub.alerts())
    assert 2 == len(await hub.applications())
    status = await hub.sync(acceptRemovals=True)
    assert 2 == status["applications"]["removed"] and {} == await hub.applications()
    assert not (await hub.connection())["spec"].get("acceptRemovals")


@pytest.mark.parametrize("word", ["query Listing", "query Applications"], ids=["names", "pages"])
async def test_an_application_must_be_missing_from_both_lists_to_go(synchronized: Hub, word: str) -> None:
    """One list without it is no reason yet."""
    hub = synchronized

    def change(answer: dict[str, Any]) -> None:
        page = answer["data"]["applicationsForRuntime"]
        page["data"], page["totalCount"] = page["data"][:1], 1

    hub.compass.faults.append(Fault(word, change=change))
    status = await hub.sync()
    assert 0 == status["applications"]["removed"] and 2 == len(await hub.applications())


async def test_a_share_of_all_may_go_by_itself(start: Callable[..., Awaitable[Hub]]) -> None:
    """Two of five are below the half; three of the rest are not."""
    hub = await start()
    world = hub.compass.world
    made = [world.application(f"app-{number}") for number in range(5)]
    await hub.paired()
    for app in made[:2]:
        world.remove(app)
    assert 2 == (await hub.sync())["applications"]["removed"]
    for app in made[2:]:
        world.remove(app)
    status = await hub.sync()
    assert (0, 3) == (status["applications"]["removed"], status["applications"]["withheld"])


async def test_names_that_collide_or_cannot_be_are_said_and_what_is_here_stays(synchronized: Hub) -> None:
    """Two that become one name, and one hundred characters of anything; the rest proceeds."""
    hub = synchronized
    hub.compass.world.application("Shop")
    hub.compass.world.application("ü!ß☃ \u202e%" * 14 + "xx")
    hub.compass.world.application("erp")
    status = await hub.sync()
    failed = status["applications"]["failures"]
    assert ["mp-shop", "mp-shop"] == sorted(failure["name"] for failure in failed if "duplicated" in failure["error"])
    assert {"mp-shop", "mp-crm", "mp-erp", "mp--xx"} - (await hub.applications()).keys() <= {"mp--xx"}


async def test_twenty_megabytes_in_one_answer_are_asked_for_in_smaller_pages(
    start: Callable[..., Awaitable[Hub]],
) -> None:
    """Each application fits; all at once do not."""
    hub = await start(answer_limit_bytes=300_000)
    for number in range(8):
        text = '{"openapi": "3.0.0", "x": "' + "y" * 100_000 + '"}'
        hub.compass.world.application(f"app-{number}", bundle("b", apis=[api("a", spec=spec("OPEN_API", text))]))
    await hub.paired()
    assert 8 == len(await hub.applications())
    assert len(hub.sent("query Applications")) > 3


async def test_a_wish_during_a_failing_time_does_not_make_a_tight_loop(start: Callable[..., Awaitable[Hub]]) -> None:
    """A wish that stays because it failed does not call the Director again and again."""
    hub = await start(minimal_seconds=60)
    await hub.paired()
    hub.compass.faults.append(Fault("query Listing", status=500, body="no", times=1000))
    await hub.sync()
    before = len(hub.compass.calls)
    await asyncio.sleep(0.3)  # nothing to wait for: what must not happen is a call
    assert before == len(hub.compass.calls)
    assert (await hub.connection())["spec"]["resyncNow"]


async def test_one_application_that_no_answer_holds_is_said_and_the_others_proceed(
    start: Callable[..., Awaitable[Hub]],
) -> None:
    """Alone it is above the limit still: it stays as it is, and the pages go on behind it."""
    hub = await start(answer_limit_bytes=300_000)
    text = '{"openapi": "3.0.0", "x": "' + "y" * 400_000 + '"}'
    hub.compass.world.application("huge", bundle("b", apis=[api("a", spec=spec("OPEN_API", text))]))
    for number in range(3):
        hub.compass.world.application(f"app-{number}")
    status = await hub.paired()
    (failure,) = status["applications"]["failures"]
    assert "mp-huge" == failure["name"] and "HUB_COMPASS__ANSWER_LIMIT_BYTES" in failure["error"]
    assert {f"mp-app-{number}" for number in range(3)} == (await hub.applications()).keys()


async def test_other_workers_and_metrics_hear_of_it(synchronized: Hub) -> None:
    """Another state is a contract event, a synchronization that changed something another; both are counted."""
    hub = synchronized
    hub.compass.world.application("erp")
    await hub.sync()
    hub.compass.faults.append(Fault("query Listing", status=500, body="no"))
    await hub.sync()
    info = await hub.bus.js.stream_info("HUB")
    told = [await hub.bus.js.get_msg("HUB", number) for number in range(1, info.state.last_seq + 1)]
    own = [found for found in told if (found.subject or "").startswith("hub.compass.")]
    said = [(found.subject, json.loads(found.data or b"{}")) for found in own]
    states = [data["state"] for subject, data in said if subject == "hub.compass.v1.changed"]
    assert ["Connected", "Synchronized", "SynchronizationFailed"] == states
    counts = [data for subject, data in said if subject == "hub.compass.v1.synchronized"]
    assert [(2, 2), (3, 1)] == [(data["total"], data["created"]) for data in counts]
    shown = metrics.render().decode()
    assert "hub_compass_applications 3.0" in shown
    assert 'hub_compass_attempts_total{state="SynchronizationFailed"}' in shown
    for name in ("hub_compass_synchronization_age_seconds", "hub_compass_certificate_expiry_seconds"):
        assert float(next(line for line in shown.splitlines() if line.startswith(f"{name} ")).split()[1]) >= 0
