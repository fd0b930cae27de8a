"""Names of events, as upstream's publisher cleans and builds them."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.naming import (
    clean_application,
    clean_source,
    clean_type,
    merge_objects,
    name_in_events,
    parse_prefixed,
    render_prefixed,
)
from hub.ingress.addresses import Addresses
from hub.kernel.errors import InvalidInput
from hub.kernel.resource import Resource

VECTORS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "vectors" / "names.json").read_text())
PREFIX = "sap.kyma.custom"


def application(name: str, labels: dict[str, str]) -> Resource:
    """Return an Application with labels."""
    document = {"apiVersion": "v1", "kind": "Application", "metadata": {"name": name, "labels": labels}}
    return Resource.from_document(document)


@pytest.mark.parametrize("vector", VECTORS["application_names"], ids=lambda vector: vector["name"])
def test_an_application_keeps_its_letters_and_digits(vector: dict[str, Any]) -> None:
    """In prefixed event types."""
    assert clean_application(vector["name"]) == vector["clean"]


@pytest.mark.parametrize("vector", VECTORS["plain_types"], ids=lambda vector: vector["type"])
def test_a_plain_type_loses_what_subjects_cannot_hold(vector: dict[str, Any]) -> None:
    """Dots and letters of every alphabet stay."""
    assert clean_type(vector["type"]) == vector["clean"]


@pytest.mark.parametrize("vector", VECTORS["sources"], ids=lambda vector: vector["source"])
def test_a_source_loses_dots_too(vector: dict[str, Any]) -> None:
    """As upstream's cleaner of sources."""
    assert clean_source(vector["source"]) == vector["clean"]


@pytest.mark.parametrize("vector", VECTORS["prefixed_types"], ids=lambda vector: vector["type"])
def test_a_prefixed_type_is_taken_apart_and_cleaned(vector: dict[str, Any]) -> None:
    """Application, business object in one segment, operation, version; or the reason why not."""
    if "error" in vector:
        with pytest.raises(ValueError, match=vector["error"]):
            parse_prefixed(vector["type"], vector["prefix"])
        return
    parts = parse_prefixed(vector["type"], vector["prefix"])
    assert render_prefixed(vector["prefix"], *parts) == vector["clean"]


@pytest.mark.parametrize("vector", VECTORS["legacy_types"], ids=lambda vector: vector["prefixed"])
def test_a_legacy_type_has_a_prefixed_form(vector: dict[str, Any]) -> None:
    """By which older Subscriptions ask for it."""
    event = merge_objects(vector["type"])
    assert render_prefixed("pre1.pre2.pre3", vector["application"], event, "v1") == vector["prefixed"]


def test_legacy_types_lose_characters() -> None:
    """Everything but letters, digits and dots."""
    assert merge_objects("1-2+3=4.t&h$i#s.t!h@a%t.t;o/m$f*o{o]lery") == "1234thisthat.tomfoolery"
    assert merge_objects("t_o_m_f_o_o_l_e_r_y") == "tomfoolery"
    assert merge_objects("") == ""


@pytest.mark.parametrize("vector", VECTORS["addresses"], ids=lambda vector: f"{vector['source']} {vector['type']}")
def test_every_form_of_a_name_leads_to_one_subject(vector: dict[str, Any]) -> None:
    """Plain and prefixed; the label `application-type` stands for the name."""
    addresses = Addresses(PREFIX)
    if "labels" in vector:
        changed = application(vector["source"], vector["labels"])
        addresses.application_changed(f"cluster.{vector['source']}", changed)
    if "error" in vector:
        with pytest.raises(InvalidInput) as refused:
            addresses.find(vector["source"], vector["type"], stamped=True)
        assert refused.value.detail == vector["error"]
        return
    address = addresses.find(vector["source"], vector["type"], stamped=True)
    assert (address.subject.decode(), address.type) == (vector["subject"], vector["type"])


def test_a_trusted_caller_posts_in_the_name_that_the_type_holds() -> None:
    """In-cluster publishers of prefixed types do not name the application otherwise."""
    addresses = Addresses(PREFIX)
    trusted = addresses.find("kyma", f"{PREFIX}.shop.order.created.v1", stamped=False)
    assert trusted.subject == b"events.shop.order.created.v1"


def test_a_label_that_comes_or_goes_is_heeded_at_once() -> None:
    """What was found before does not stay."""
    addresses = Addresses(PREFIX)

    def subject() -> bytes:
        return addresses.find("shop", "a.v1", stamped=True).subject

    assert subject() == b"events.shop.a.v1"
    addresses.application_changed("cluster.shop", application("shop", {"application-type": "store"}))
    assert subject() == b"events.store.a.v1"
    addresses.application_changed("cluster.shop", None)
    assert subject() == b"events.shop.a.v1"


def test_an_empty_label_is_none() -> None:
    """The name stays."""
    assert name_in_events("shop", {"application-type": ""}) == "shop"
