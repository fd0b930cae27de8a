"""The sink `subject:NAME`: a stream's acknowledgement or a subscriber's answer; silence is none."""

import pytest

from tests.dispatch.delivery.conftest import Hub, Run


async def test_a_stream_takes_events_once(hub: Hub, running: Run, stream: str) -> None:
    """Stored as binary CloudEvents under the other subject; the hub's own headers stay behind."""
    await running(["dispatch"])
    await hub.subscribe(f"subject:{stream}")
    await hub.post("e-1", body=b'{"a":1}', subject="one", datacontenttype="application/json")
    await hub.settled()
    kept = await hub.bus.js.get_msg("WAREHOUSE", seq=1)
    headers = kept.headers or {}
    assert (kept.subject, kept.data, headers["ce-id"], headers["ce-subject"]) == (stream, b'{"a":1}', "e-1", "one")
    assert headers["ce-datacontenttype"] == "application/json"
    assert not [name for name in headers if name.startswith("Hub-")]


async def test_a_subject_that_nobody_takes_is_no_success(hub: Hub, running: Run) -> None:
    """The dead letter says what is missing."""
    await running(["dispatch"])
    await hub.subscribe("subject:nobody.there", delivery={"maxAttempts": 2})
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert "nobody.there" in (letter.headers or {})["Hub-Reason"]


@pytest.mark.parametrize(
    "name",
    ["events.shop.x", "hub.x", "dead.x", "ask.x", "call.a.b", "$JS.API.INFO", "_INBOX.a", "a.*", "a.>", "a b", ""],
)
async def test_subjects_of_the_hub_are_refused(hub: Hub, running: Run, name: str) -> None:
    """No Subscription writes where the hub or nats-server itself listens."""
    await running(["dispatch"])
    status, answer = await hub.apply(f"subject:{name}")
    assert (status, answer["field"]) == ("400", "spec.sink")
