"""Contract events as messages: the headers of the NATS binding, tolerant reading, refusal of what is none."""

import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.exceptions import CloudEventValidationError
from pydantic import ValidationError

from contracts.application.v1 import ApplicationRegistered, ApplicationRemoved
from contracts.envelope import Message, UnreadableContract, unwrap, wrap
from contracts.subscription.v1 import SubscriptionCreated

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SHOP = ApplicationRegistered(application="shop", services=1, changed_services=("a",))
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def wrapped(**changes: object) -> Message:
    arguments = {"event_id": "1", "time": NOON, "source": "/hub/registry", **changes}
    return wrap(SHOP, **arguments)  # type: ignore[arg-type]  # the changes are what the test is about


def test_every_attribute_is_a_header() -> None:
    """The NATS binding carries all attributes as headers, the content type included."""
    expected = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/hub/registry",
        "ce-type": "hub.application.v1.registered",
        "ce-time": "2026-05-04T12:00:00Z",
        "ce-datacontenttype": "application/json",
        "ce-dataschema": "urn:hub:contracts:schemas:hub.application.v1.registered",
    }
    assert expected == wrapped().headers
    assert wrapped().subject == "hub.application.v1.registered"


def test_the_trace_goes_along_as_start_and_as_hop() -> None:
    """A trace can be followed through the bus by readers of either header."""
    headers = wrapped(traceparent=TRACE).headers
    assert [headers["traceparent"], headers["ce-traceparent"]] == [TRACE, TRACE]


def test_a_message_is_read_back_as_the_same_contract_event() -> None:
    """Wrapping loses nothing, whatever letters the id holds and however the header names are spelled."""
    message = wrapped(event_id='Euro € "%"')
    assert message.headers["ce-id"] == "Euro%20%E2%82%AC%20%22%25%22"
    capitals = {key.upper(): value for key, value in message.headers.items()}
    assert unwrap(ApplicationRegistered, capitals, message.data) == SHOP


def test_a_reader_passes_over_fields_it_does_not_know() -> None:
    """A later addition to the same version does not break those who run the older model."""
    later = json.dumps({"application": "shop", "services": 1, "changed_services": ["a"], "colour": "red"}).encode()
    assert unwrap(ApplicationRegistered, wrapped().headers, later) == SHOP


def test_a_publisher_cannot_say_what_the_contract_does_not_know() -> None:
    """Unknown fields are refused where the event is made."""
    with pytest.raises(ValidationError, match="colour"):
        ApplicationRegistered(application="shop", services=1, colour="red")  # type: ignore[call-arg]  # the point


def test_a_contract_event_cannot_be_changed() -> None:
    """What happened stays as it was said."""
    with pytest.raises(ValidationError, match="frozen"):
        SHOP.services = 2


@pytest.mark.parametrize(
    ("headers", "data", "why"),
    [
        ({}, b"{}", "specversion is None"),
        ({"ce-specversion": "0.3"}, b"{}", "specversion is '0.3'"),
        ({"ce-specversion": "1.0"}, b"{}", "got no type"),
        ({"ce-specversion": "1.0", "ce-type": "hub.other.v1.seen"}, b"{}", "got hub.other.v1.seen"),
        ({"ce-specversion": "1.0", "ce-type": "hub.application.v1.registered"}, b"{}", "application: Field required"),
        ({"ce-specversion": "1.0", "ce-type": "hub.application.v1.registered"}, b"\xff", "data: Invalid JSON"),
        (
            {"ce-specversion": "1.0", "ce-type": "hub.application.v1.registered"},
            b'{"application": "shop", "services": "1"}',
            "services: Input should be a valid integer",
        ),
    ],
    ids=["no headers", "old CloudEvents", "no type", "another type", "missing field", "no JSON", "number as text"],
)
def test_what_is_no_contract_event_is_refused_with_the_reason(headers: dict[str, str], data: bytes, why: str) -> None:
    """A reader learns why a message cannot be read."""
    with pytest.raises(UnreadableContract, match=why):
        unwrap(ApplicationRegistered, headers, data)


def test_another_contract_of_the_same_noun_is_refused() -> None:
    """A registered Application is never taken for a removed one, though the fields would fit."""
    with pytest.raises(UnreadableContract, match=r"expected hub\.application\.v1\.removed"):
        unwrap(ApplicationRemoved, wrapped().headers, wrapped().data)


@pytest.mark.parametrize("changes", [{"event_id": ""}, {"source": ""}, {"time": NOON.replace(tzinfo=None)}])
def test_an_envelope_without_id_source_or_zone_is_refused(changes: dict[str, object]) -> None:
    """Whatever leaves the hub is a CloudEvent."""
    with pytest.raises(CloudEventValidationError):
        wrapped(**changes)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://bob:secret@crm.example.test/orders?key=secret#secret", "https://crm.example.test/orders"),
        ("http://greet.default.svc.cluster.local", "http://greet.default.svc.cluster.local"),
        ("https://crm.example.test/@orders", "https://crm.example.test/@orders"),
    ],
)
def test_a_sink_is_published_without_its_credentials(url: str, kept: str) -> None:
    """User info and query, where people put secrets, never reach the bus."""
    assert kept == SubscriptionCreated(scope="default", name="orders", types=("a.v1",), sink=url).sink
