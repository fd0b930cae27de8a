"""What a registration must hold: upstream's validation vectors, their order and their texts."""

import json
from typing import Any

import pytest

from hub.kernel.errors import HubError, InvalidField, InvalidInput
from hub.registry.model import Basic, CertificateGen, Credentials, OAuth, RequestParameters
from hub.registry.servicedetails import is_url, parse

BASE = {"provider": "Shop team", "name": "Order API", "description": "Orders"}
URL = "http://target.com"
OAUTH = {"url": "http://test.com/token", "clientId": "id", "clientSecret": "secret"}
BASIC = {"username": "user", "password": "password"}
RULES = "Failed to validate request body, Incorrect structure of service definition, "


def body(**members: Any) -> bytes:
    """Return a registration: the base with these members; None leaves one out."""
    merged = BASE | members
    return json.dumps({name: value for name, value in merged.items() if value is not None}).encode()


def api(**members: Any) -> bytes:
    """Return the registration of an API."""
    return body(api={"targetUrl": URL} | members)


def refusal(raw: bytes) -> str:
    """Return the text a registration is refused with."""
    with pytest.raises(HubError) as caught:
        parse(raw)
    assert caught.value.status == 400
    return caught.value.detail


ACCEPTED = {
    "api only": api(),
    "events only": body(events={"spec": {}}),
    "both": body(api={"targetUrl": URL}, events={"spec": {"asyncapi": "2.0.0"}}),
    "oauth": api(credentials={"oauth": OAUTH}),
    "basic": api(credentials={"basic": BASIC}),
    "certificateGen": api(credentials={"certificateGen": {"commonName": "cn"}}),
    "certificateGen without common name": api(credentials={"certificateGen": {}}),
    "no credentials": api(credentials={}),
    "specification oauth": api(specificationCredentials={"oauth": OAUTH}),
    "specification basic": api(specificationCredentials={"basic": BASIC}),
    "spec null": api(spec=None),
    "unknown members": body(api={"targetUrl": URL, "colour": 1}, events=None, rank=[1]),
}


@pytest.mark.parametrize("raw", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_complete_registration_is_accepted(raw: bytes) -> None:
    """Every form that upstream's validator accepts is read."""
    assert parse(raw).name == "Order API"


REFUSED = {
    "neither api nor events": body(),
    "no name": api() and body(name=None, api={"targetUrl": URL}),
    "no provider": body(provider=None, api={"targetUrl": URL}),
    "no description": body(description="", api={"targetUrl": URL}),
    "empty api": body(api={}),
    "api spec is a text": api(spec='{"api": "spec"}'),
    "api spec is a list": api(spec=[]),
    "events spec is a text": body(events={"spec": '{"api": "spec"}'}),
    "events without spec": body(events={}),
    "basic and oauth": api(credentials={"basic": BASIC, "oauth": OAUTH}),
    "basic and generated": api(credentials={"basic": BASIC, "certificateGen": {"commonName": "x"}}),
    "oauth empty": api(credentials={"oauth": {}}),
    "oauth without secret": api(credentials={"oauth": OAUTH | {"clientSecret": ""}}),
    "oauth url is none": api(credentials={"oauth": OAUTH | {"url": "no-url"}}),
    "basic empty": api(credentials={"basic": {}}),
    "basic without password": api(credentials={"basic": {"username": "user"}}),
    "csrf without url": api(credentials={"basic": BASIC | {"csrfInfo": {}}}),
    "specification basic and oauth": api(specificationCredentials={"basic": BASIC, "oauth": OAUTH}),
    "specification oauth empty": api(specificationCredentials={"oauth": {}}),
    "specification oauth without id": api(specificationCredentials={"oauth": OAUTH | {"clientId": ""}}),
    "specification oauth url is none": api(specificationCredentials={"oauth": OAUTH | {"url": "no-url"}}),
    "specification basic empty": api(specificationCredentials={"basic": {}}),
    "specification basic without password": api(specificationCredentials={"basic": {"username": "user"}}),
    "target url with a space": body(api={"targetUrl": "http://tar get.com"}),
    "documentation without type": body(
        api={"targetUrl": URL}, documentation={"displayName": "Docs", "description": "Docs"}
    ),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_an_incomplete_registration_is_refused(raw: bytes) -> None:
    """Every form that upstream's validator refuses is refused as wrong input."""
    assert refusal(raw).startswith("Failed to validate request body, ")


def test_all_broken_rules_are_named_at_once() -> None:
    """A caller learns of every broken rule of single fields in one answer, in the order of the fields."""
    text = refusal(b'{"api": {"targetUrl": "x", "credentials": {"basic": {}}}}')

    assert text == (
        RULES + "Provider field cannot be empty.;Name field cannot be empty.;Description field cannot be empty.;"
        "targetUrl: x does not validate as url;"
        "basic auth username field cannot be empty;basic auth password field cannot be empty"
    )


def test_field_rules_come_before_what_fits_together() -> None:
    """A registration that breaks a field rule and has two kinds of credentials is refused for the field rule."""
    assert refusal(api(targetUrl="", credentials={"basic": BASIC, "oauth": OAUTH})) == (
        RULES + "targetUrl field cannot be empty."
    )


def test_the_specification_is_judged_before_the_credentials() -> None:
    """With several things that do not fit together, the API's specification is named first."""
    text = refusal(api(spec="text", credentials={"basic": BASIC, "oauth": OAUTH}))

    assert text == "Failed to validate request body, api.Spec is not a proper json object, it is of type string"


def test_several_kinds_of_credentials_are_refused_in_upstreams_words() -> None:
    """The text is the one clients know, its spelling included."""
    for name in ("credentials", "specificationCredentials"):
        assert refusal(api(**{name: {"basic": BASIC, "oauth": OAUTH}})).endswith(
            "api.CredentialsWithCSRF is invalid: to many authentication methods provided"
        )


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"name": 1}', "name"),
        (b'{"labels": {"a": 1}}', "labels.a"),
        (b'{"labels": []}', "labels"),
        (b'{"api": "x"}', "api"),
        (b'{"api": {"headers": {"a": "b"}}}', "api.headers.a"),
        (
            b'{"api": {"requestParameters": {"queryParameters": {"a": [1]}}}}',
            "api.requestParameters.queryParameters.a[0]",
        ),
        (b'{"documentation": {"docs": [1]}}', "documentation.docs[0]"),
        (b'{"api": {"credentials": {"oauth": {"url": {}}}}}', "api.credentials.oauth.url"),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(raw: bytes, field: str) -> None:
    """A value of the wrong type is refused before any rule, and its path is told."""
    with pytest.raises(InvalidField) as caught:
        parse(raw)
    assert caught.value.fields["field"] == field
    assert caught.value.detail.startswith("Failed to unmarshal request body, ")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"{} {}", b"\xff", b"[" * 5000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    """A body that holds no JSON object is wrong input."""
    with pytest.raises(InvalidInput, match="Failed to unmarshal request body"):
        parse(raw)


def test_keys_match_in_any_case_and_the_last_duplicate_counts() -> None:
    """Clients write `ApiType` and `apitype`; of two equal keys the later one is taken, null is the same as absent."""
    raw = b"""{"PROVIDER": "p", "Name": "old", "name": "new", "description": "d", "Identifier": null,
        "Api": {"targeturl": "http://target.com", "APITYPE": "odata", "Credentials": {"OAuth": null}}}"""

    details = parse(raw)

    assert (details.provider, details.name, details.identifier) == ("p", "new", "")
    assert details.api is not None
    assert (details.api.api_type, details.api.credentials) == ("odata", None)


def test_names_that_are_no_fields_keep_their_case() -> None:
    """Labels, headers and the content of a specification are the caller's own."""
    details = parse(api(spec={"Swagger": "2.0"}, headers={"X-Custom": ["1"]}))

    assert details.api is not None
    assert details.api.spec == b'{"Swagger":"2.0"}'
    assert details.api.request_parameters == RequestParameters({"X-Custom": ("1",)}, None)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"headers": {"a": ["1"]}, "queryParameters": {"b": ["2"]}}, RequestParameters({"a": ("1",)}, {"b": ("2",)})),
        ({"headers": {"a": ["1"]}, "requestParameters": {"headers": {"c": ["3"]}}}, RequestParameters({"c": ("3",)})),
        ({"headers": {"a": ["1"]}, "requestParameters": {}}, None),
        ({}, None),
    ],
    ids=["old form", "both", "both, new one empty", "neither"],
)
def test_the_old_form_of_request_parameters_counts_only_alone(members: Any, expected: Any) -> None:
    """Headers and query parameters beside the target are taken unless `requestParameters` is there."""
    details = parse(api(**members))

    assert details.api is not None
    assert details.api.request_parameters == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"basic": BASIC}, Credentials(Basic("user", "password"))),
        (
            {"oauth": OAUTH | {"csrfInfo": {"tokenEndpointURL": "http://csrf.com"}}},
            Credentials(OAuth("http://test.com/token", "id", "secret"), "http://csrf.com"),
        ),
        ({"certificateGen": {"commonName": "cn", "certificate": "x"}}, Credentials(CertificateGen("cn"))),
        ({}, None),
    ],
    ids=["basic", "oauth with csrf", "generated", "none"],
)
def test_credentials_are_read(given: Any, expected: Any) -> None:
    """Each kind of credentials is read with its CSRF endpoint; a certificate sent along is passed over."""
    details = parse(api(credentials=given))

    assert details.api is not None
    assert details.api.credentials == expected


def test_a_password_does_not_show_in_the_value() -> None:
    """A registration can be printed without showing a password."""
    assert "s3cret" not in repr(parse(api(credentials={"basic": BASIC | {"password": "s3cret"}})))


@pytest.mark.parametrize(
    "url",
    ["http://target.com", "https://user:pw@host:8080/a?b#c", "ftp://host.tld", "wss://host", "host.tld/path",
     "localhost:8080", "shop:8080/x", "http://localhost", "http://10.0.0.1:80", "http://[::1]:8080/x", "http://bücher.de",
     "http://my_service.ns.svc"],
)  # fmt: skip
def test_urls_pass_with_and_without_scheme(url: str) -> None:
    """What upstream takes for a URL passes, with or without a scheme."""
    assert is_url(url)


@pytest.mark.parametrize(
    "url",
    ["", "a.b", ".host.tld", "http://.host", "no-url", "mailto://x.y", "http://", "http://a b.c", "http://host:port/",
     "x" * 2084, "http://host\n.tld", "://host.tld"],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    """What upstream does not take for a URL is refused."""
    assert not is_url(url)
