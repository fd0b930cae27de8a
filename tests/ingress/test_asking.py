"""Where is my event, asked over HTTP on the internal listener."""

from typing import Any

import httpx
import pytest

from hub.kernel.broker import Bus
from tests.dispatch.letters import post, subscribe


@pytest.fixture
async def client(bus: Bus, running: Any) -> Any:
    """Return a client of an internal listener, with a dispatch beside it."""
    process = await running(["ingress", "dispatch"], ["internal"])
    async with httpx.AsyncClient(base_url=process.addresses()["internal"], trust_env=False) as made:
        yield made


async def test_an_event_is_shown_as_json(bus: Bus, client: httpx.AsyncClient) -> None:
    """The same answer as the command's: the event, and a row for each Subscription."""
    await subscribe(bus, types=["other.v1"])
    sequence = await post(bus, "e")
    answer = await client.get("/_hub/events", params={"id": "e", "source": "shop"})
    assert (answer.status_code, answer.json()["stored"]["sequence"]) == (200, sequence)
    assert answer.json()["subscriptions"][0]["step"] == "type"
    verdict = await client.get("/_hub/events", params={"sequence": sequence, "subscription": "orders"})
    assert verdict.json()["state"] == "not_matched"


async def test_refusals_are_problem_details(client: httpx.AsyncClient) -> None:
    """Nothing there: 404. A parameter that is not known or no number: 400, by name."""
    gone = await client.get("/_hub/events", params={"id": "none"})
    assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
    for query in ({"sequence": "x"}, {"ids": "e"}):
        wrong = await client.get("/_hub/events", params=query)
        assert (wrong.status_code, wrong.json()["field"]) == (400, next(iter(query)))


async def test_without_dispatch_the_answer_says_so(bus: Bus, running: Any) -> None:
    """Nobody answers: 502, and what to look at."""
    process = await running(["ingress"], ["internal"])
    async with httpx.AsyncClient(base_url=process.addresses()["internal"], trust_env=False) as client:
        answer = await client.get("/_hub/events", params={"id": "e"})
    assert (answer.status_code, "dispatch" in answer.json()["detail"]) == (502, True)


async def test_an_application_keeps_its_paths(client: httpx.AsyncClient) -> None:
    """The path is not that of an Application, and others still are."""
    accepted = await client.post(
        "/events/events", json={"specversion": "1.0", "id": "1", "source": "x", "type": "a.v1"},
        headers={"content-type": "application/cloudevents+json"},
    )  # fmt: skip
    assert accepted.status_code == 204
