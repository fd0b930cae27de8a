"""Laws of the registry's pure parts."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from contracts.application.names import NORMALISED_LIMIT, normalise
from contracts.dns1123 import is_subdomain
from hub.kernel.errors import HubError
from hub.registry import merging, naming
from hub.registry.model import (
    Api,
    Basic,
    CertificateGen,
    Credentials,
    Documentation,
    Events,
    OAuth,
    RequestParameters,
    ServiceDetails,
)
from hub.registry.servicedetails import is_url, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
SOME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
MEMBERS = (
    "provider", "Name", "description", "shortDescription", "identifier", "labels", "api", "EVENTS", "documentation",
    "targetUrl", "credentials", "spec", "oauth", "basic", "certificateGen", "csrfInfo", "tokenEndpointURL", "headers",
    "requestParameters", "docs", "tags", "title", "specificationCredentials",
)  # fmt: skip
SHAPED = st.recursive(
    st.none() | st.booleans() | st.integers() | SOME,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=8),
    max_leaves=25,
)
LISTS = st.none() | st.dictionaries(SOME, st.lists(TEXT, max_size=3).map(tuple), max_size=3)
PARAMETERS = st.builds(RequestParameters, LISTS, LISTS).filter(lambda each: each != RequestParameters())
METHODS = (
    st.builds(Basic, SOME, SOME)
    | st.builds(OAuth, SOME, SOME, SOME, st.none() | PARAMETERS)
    | st.builds(CertificateGen, SOME)
)
SPECS = st.none() | st.just(b'{"openapi":"3.0.0"}')
APIS = st.builds(
    Api,
    target_url=SOME,
    credentials=st.none() | st.builds(Credentials, METHODS, st.none() | SOME),
    spec=SPECS,
    specification_url=TEXT,
    api_type=st.sampled_from(["", "odata", "OData", "rest"]),
    request_parameters=st.none() | PARAMETERS,
)
DOCUMENTATION = st.builds(Documentation, SOME, SOME, SOME, st.lists(TEXT, max_size=2).map(tuple))
DETAILS = st.builds(
    ServiceDetails,
    provider=SOME,
    name=SOME,
    description=SOME,
    short_description=TEXT,
    identifier=TEXT,
    labels=st.dictionaries(TEXT, TEXT, min_size=1, max_size=3),
    api=st.none() | APIS,
    events=st.none() | st.builds(Events, st.just(b'{"asyncapi":"2.0.0"}')),
    documentation=st.none() | DOCUMENTATION,
)


def masked(details: ServiceDetails) -> ServiceDetails:
    """Return what can be read back of details: credentials masked, a short description only when it says more."""
    short = "" if details.short_description == details.description else details.short_description
    if details.api is None or details.api.credentials is None:
        return replace(details, short_description=short)
    credentials = details.api.credentials
    match credentials.method:
        case Basic():
            method: Any = Basic(merging.MASK, merging.MASK)
        case OAuth() as oauth:
            method = replace(oauth, client_id=merging.MASK, client_secret=merging.MASK)
        case other:
            method = other
    api = replace(details.api, credentials=replace(credentials, method=method))
    return replace(details, short_description=short, api=api)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_parsing_any_bytes_raises_nothing_but_our_errors(raw: bytes) -> None:
    """Whatever comes in, it is read or refused."""
    try:
        assert isinstance(parse(raw), ServiceDetails)
    except HubError as error:
        assert error.status == 400


@given(SHAPED)
def test_parsing_anything_alike_raises_nothing_but_our_errors(value: Any) -> None:
    """Known members with values of any type are read or refused."""
    try:
        parse(json.dumps(value).encode())
    except HubError as error:
        assert error.status == 400


@given(TEXT)
@example("a" * 56 + " b")
def test_normalising_twice_is_normalising_once(name: str) -> None:
    """A normalised name is bounded, holds only what a path segment may hold, and stays as it is."""
    once = normalise(name)

    assert once == normalise(once)
    assert len(once) <= NORMALISED_LIMIT
    assert not once or is_subdomain(once)


@given(TEXT, TEXT)
def test_a_service_name_fits_into_a_label(name: str, service_id: str) -> None:
    """The name of any Service is a DNS label of at most 63 characters."""
    made = naming.service_name(name, service_id)

    assert is_subdomain(made)
    assert len(made) <= 63


@given(TEXT)
def test_judging_a_url_always_ends_in_a_verdict(text: str) -> None:
    """Any text is a URL or none."""
    assert is_url(text) in (True, False)


@given(DETAILS)
def test_what_is_registered_can_be_read_back(details: ServiceDetails) -> None:
    """Details become an entry, Secrets and documents, and these become the same details with masked credentials."""
    registration = merging.register("shop", "id", details, gateway_url="http://gateway", key_pair={})

    assert masked(details) == merging.details_of(registration.entry, registration.secrets, registration.assets)


@given(DETAILS)
def test_an_entry_holds_no_credential(details: ServiceDetails) -> None:
    """What is sealed stands in the Secrets and nowhere in the Application."""
    if details.api is None or details.api.credentials is None:
        return
    method = details.api.credentials.method
    if not isinstance(method, Basic):
        return
    marked = replace(details.api.credentials, method=Basic("u53r-marked", "p455-marked"))
    changed = replace(details, api=replace(details.api, credentials=marked))
    entry = json.dumps(merging.register("shop", "id", changed, gateway_url="http://gateway").entry)

    assert "u53r-marked" not in entry
    assert "p455-marked" not in entry
