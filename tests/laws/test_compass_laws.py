"""Laws of the synchronization: nothing is lost in pages, nothing goes that may not, nothing but refusals is raised."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.application.managing import COMPASS, MANAGED_BY
from hub.compass import difference, naming
from hub.compass.certification import configuration_of
from hub.compass.conversion import convert
from hub.compass.model import Bundle, Definition, DirectorApplication
from hub.compass.paging import Pages
from hub.compass.reading import application_of, bundle_of, definition_of, labels_of
from hub.gateway.lookup import find
from hub.gateway.model import Names
from hub.kernel.errors import HubError, UpstreamRefused
from hub.kernel.resource import CLUSTER, Resource

NAMES = st.sets(st.text("abc", min_size=1, max_size=3), max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
FIELDS = (
    "id", "name", "description", "auths", "targetURL", "spec", "defaultInstanceAuth", "instanceAuthRequestInputSchema",
    "token", "managementPlaneInfo",
)  # fmt: skip
AUTH_FIELDS = ("credential", "additionalHeaders", "additionalHeadersSerialized", "additionalQueryParams", "requestAuth")
AUTHS = st.fixed_dictionaries({}, optional=dict.fromkeys(AUTH_FIELDS, JSON))
NAMED = st.fixed_dictionaries({"id": st.just("id"), "name": st.just("name")}, optional={"defaultInstanceAuth": AUTHS})
NODES = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)) | NAMED


TOLD = {"certificateSigningRequestInfo": {"subject": "CN=id"}}


def page(items: list[str], cursor: str | None, total: int) -> dict[str, Any]:
    """Return a page of the Director."""
    info = {"hasNextPage": cursor is not None, "endCursor": cursor or ""}
    return {"data": [{"id": item} for item in items], "pageInfo": info, "totalCount": total}


@given(st.lists(st.uuids().map(str), unique=True, max_size=20), st.integers(1, 7))
def test_a_list_is_the_same_however_it_is_cut(items: list[str], size: int) -> None:
    """Every item, in order, whatever the size of a page."""
    pages = Pages("applications")
    starts = list(range(0, len(items), size)) or [0]
    for start in starts:
        cursor = str(start) if start != starts[-1] else None
        assert cursor == pages.take(page(items[start : start + size], cursor, len(items)))
    assert items == list(pages.items)


@given(st.lists(st.uuids().map(str), unique=True, min_size=1, max_size=10), st.data())
def test_a_list_that_lacks_one_is_refused(items: list[str], data: st.DataObject) -> None:
    """By its count, whichever is missing."""
    left = [item for item in items if item != data.draw(st.sampled_from(items))]
    if len(left) < len(items):
        with pytest.raises(UpstreamRefused, match="not complete"):
            Pages("applications").take(page(left, None, len(items)))


@given(NAMES, NAMES, NAMES, st.floats(0, 1), st.booleans())
def test_only_what_is_managed_and_gone_goes_and_never_too_much(
    managed: set[str], own: set[str], kept: set[str], share: float, accepted: bool
) -> None:
    """What is not Compass's stays, what one list has stays, and the share holds unless a person has accepted."""
    present = {name: Resource("v", "Application", name, CLUSTER, {}, labels={MANAGED_BY: COMPASS}) for name in managed}
    present |= {name: Resource("v", "Application", name, CLUSTER, {}) for name in own}
    found = difference.removals(present, kept, share=share, accepted=accepted)
    gone = managed - own - kept
    assert gone == {*found.remove, *found.withheld} and not (found.remove and found.withheld)
    assert accepted or len(found.remove) <= max(1 if share else 0, int(len(managed - own) * share))
    assert bool(found.withheld) == bool(found.reason)


@given(st.text(max_size=100))
def test_a_normalised_name_stays_and_an_acceptable_one_is_a_name(name: str) -> None:
    """Normalising twice is normalising once; only letters, digits and dashes are left."""
    once = naming.application_name(name, is_normalised=False)
    assert set(once) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and once.startswith("mp")
    assert once == naming.application_name(once, is_normalised=False) or once == "mp"


@given(st.dictionaries(st.uuids().map(str), st.text(max_size=8), max_size=8))
def test_each_application_gets_a_name_of_its_own_or_is_said(listed: dict[str, str]) -> None:
    """Never two with one name, never one forgotten."""
    named = difference.named(listed, {})
    assert len(named.names) == len(set(named.names.values()))
    assert listed.keys() == {*named.names, *(failure.id for failure in named.failures)}


@given(NODES, JSON, JSON)
def test_whatever_the_director_answers_is_read_or_refused(node: dict[str, Any], bundles: Any, runtime: Any) -> None:
    """No answer raises anything but a refusal."""
    for read in (
        lambda: application_of(node, ()), lambda: bundle_of(node, (), ()), lambda: definition_of(node),
        lambda: Pages("bundles").take(bundles), lambda: labels_of(runtime, "id"),
        lambda: configuration_of({"configuration": node}, need_addresses=True),
        lambda: configuration_of({"configuration": TOLD | node}, need_addresses=False),
    ):  # fmt: skip
        with contextlib.suppress(HubError):
            read()


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_what_was_taken_over_is_current(name: str, description: str) -> None:
    """An Application as it is stored differs in nothing from what it was made of, and in what was changed alone."""
    application = DirectorApplication("id", name, description)
    mirror = convert(application, "app", gateway_url="http://gateway", limit_bytes=10)
    found = Resource("v", "Application", "app", CLUSTER, dict(mirror.spec))
    assert () == difference.changes(found, mirror, {})
    longer = DirectorApplication("id", name, description + "x")
    other = convert(longer, "app", gateway_url="http://gateway", limit_bytes=10)
    assert ("description",) == difference.changes(found, other, {})


@given(st.text(max_size=70), st.text(max_size=70))
def test_an_address_in_an_entry_leads_to_its_api(bundle: str, api: str) -> None:
    """The gateway finds the API at the path that the entry shows, or the problem is said."""
    definition = Definition("a", api, "https://x.example.com")
    application = DirectorApplication("id", "app", bundles=(Bundle("b", bundle, apis=(definition,)),))
    mirror = convert(application, "app", gateway_url="http://gateway", limit_bytes=10)
    address: str = mirror.spec["services"][0]["entries"][0]["centralGatewayUrl"]
    *_, service, entry = address.split("/")
    if not mirror.problems:
        found = find(mirror.spec, Names("app", service, entry))
        assert "a" == found[1]["id"]
