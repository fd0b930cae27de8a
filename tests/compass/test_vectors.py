"""What upstream's own tests assert: names, conversion, renewal, cursors of the double."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.compass import difference, naming, renewal
from hub.compass.conversion import convert, parameter_values
from hub.compass.model import Auth, Basic, Bundle, Definition, DirectorApplication, OAuth
from tests.doubles.compass.director import cursor_of, offset_of
from tests.doubles.compass.names import normalized
from tests.doubles.compass.world import Refused

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "names.json").read_text())
SECRET_ID = "c687e68a-9038-4f38-845b-9c61592e59e6"
GATEWAY = "http://gateway:8082"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", VECTORS["applications"]["names"])
def test_an_applications_name_is_normalised_as_upstream_does(name: str) -> None:
    """The hub and the double agree with the table; a normalised name stays."""
    wanted = VECTORS["applications"]["normalised"]
    assert wanted == naming.application_name(name, is_normalised=False) == normalized(name)
    assert name == naming.application_name(name, is_normalised=True)


@pytest.mark.parametrize("vector", VECTORS["services"], ids=lambda vector: vector["display"][:20])
def test_a_services_name_is_upstreams(vector: dict[str, str]) -> None:
    """Display name and five digits of the id's hash."""
    assert vector["name"] == naming.normalise(vector["display"])
    assert vector["service"] == naming.service_name(vector["display"], vector["id"])


@pytest.mark.parametrize("vector", VECTORS["secrets"], ids=lambda vector: vector["application"])
def test_a_secrets_name_is_upstreams(vector: dict[str, str]) -> None:
    """Cut so that an id fits behind it."""
    assert vector["credentials"] == naming.credentials_name(vector["application"], SECRET_ID)
    assert vector["parameters"] == naming.parameters_name(vector["application"], SECRET_ID)


@pytest.mark.parametrize("vector", VECTORS["gateway"], ids=lambda vector: vector["path"])
def test_an_apis_path_at_the_gateway_is_upstreams(vector: dict[str, str]) -> None:
    """The Application's name stays as it is; 98 characters of an API's name become 57."""
    assert vector["path"] == naming.gateway_path(vector["application"], vector["bundle"], vector["api"])
    assert 57 == len(naming.gateway_path("a", "b", "x" * 98).rpartition("/")[2])


def test_parameters_are_json_and_only_those_given() -> None:
    """Names with lists of values; a Secret without any is none."""
    query = {"testQueryParam": ["query parameter value"]}
    auth = Auth(headers={"TestHeader": ["header value"]}, query_parameters=query)
    assert {
        "headers": '{"TestHeader":["header value"]}', "queryParameters": '{"testQueryParam":["query parameter value"]}'
    } == parameter_values(auth)  # fmt: skip
    assert {} == parameter_values(Auth())


def test_an_application_without_anything_is_converted() -> None:
    """Texts in place of what is missing, and every auth as a client id."""
    mirror = convert(
        DirectorApplication("id-1", "Appname1", client_ids=("auth1", "auth2")), "Appname1", gateway_url=GATEWAY,
        limit_bytes=100,
    )  # fmt: skip
    assert {
        "description": "Description not provided", "labels": {"connected-app": "Appname1"}, "services": [],
        "compassMetadata": {"applicationId": "id-1", "authentication": {"clientIds": ["auth1", "auth2"]}},
    } == dict(mirror.spec)  # fmt: skip


def test_bundles_become_services_with_their_credentials() -> None:
    """OAuth with CSRF; Basic with header and query; APIs before events."""
    api, event = Definition("api1", "API 1", "https://target.example.com"), Definition("event1", "Event 1")
    oauth = Auth(OAuth("id", "https://oauth.example.com", "secret"), csrf_url="https://csrf.example.com")
    basic = Auth(Basic("user", "passwd"), headers={"a": ["1"]}, query_parameters={"b": ["2"]})
    bundles = (
        Bundle("bundle1", "Bundle 1", auth=oauth, apis=(api,), events=(event,)),
        Bundle("bundle2", "Bundle 2", auth=basic, apis=(api,)),
        Bundle("bundle3", "Bundle 3"),
    )
    application = DirectorApplication("id", "Appname1", bundles=bundles)
    mirror = convert(application, "Appname1", gateway_url=GATEWAY, limit_bytes=9)
    first, second, third = mirror.spec["services"]
    assert ["API", "Events"] == [entry["type"] for entry in first["entries"]]
    assert {
        "type": "OAuth", "secretName": "Appname1-bundle1", "authenticationUrl": "https://oauth.example.com",
        "csrfInfo": {"tokenEndpointURL": "https://csrf.example.com"},
    } == first["entries"][0]["credentials"]  # fmt: skip
    assert {"type": "Basic", "secretName": "Appname1-bundle2"} == second["entries"][0]["credentials"]
    assert "params-Appname1-bundle2" == second["entries"][0]["requestParametersSecretName"]
    assert ("Description not provided", []) == (third["description"], third["entries"])
    assert {"Appname1-bundle1", "Appname1-bundle2", "params-Appname1-bundle2"} == mirror.secrets.keys()


@pytest.mark.parametrize(
    "auth",
    [Auth(Basic("", "passwd")), Auth(Basic("user", "")), Auth(OAuth("", "u", "s")), Auth(OAuth("c", "u", ""))],
    ids=["no-user", "no-password", "no-client", "no-secret"],
)
def test_half_credentials_are_none_and_said(auth: Auth) -> None:
    """No Secret is made of them; the problem names the bundle."""
    bundle = Bundle("b", "Orders", auth=auth)
    mirror = convert(DirectorApplication("id", "app", bundles=(bundle,)), "app", gateway_url=GATEWAY, limit_bytes=9)
    assert {} == mirror.secrets and "Orders" in mirror.problems[0]


def test_names_that_collide_are_failures_and_the_rest_are_names() -> None:
    """Two that become one are said, both; nobody guesses which one is meant."""
    named = difference.named({"1": "test@app", "2": "test&app", "3": "shop"}, {})
    assert {"3": "mp-shop"} == named.names
    assert ["1", "2"] == [failure.id for failure in named.failures]
    assert "duplicated mp-test-app" in named.failures[0].error


@pytest.mark.parametrize(
    ("begin", "end", "minimal", "asked", "due"),
    [
        (NOW, NOW + timedelta(hours=2000), 600, False, False),
        (NOW, NOW, 600, False, True),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(hours=3), 600, False, True),
        (NOW, NOW + timedelta(minutes=30), 1200, False, True),
        (NOW, NOW + timedelta(hours=2000), 600, True, True),
    ],
    ids=["long", "ended", "share", "minimal", "asked"],
)
def test_renewal_is_due_as_upstream_decides(
    begin: datetime, end: datetime, minimal: int, asked: bool, due: bool
) -> None:
    """By the share of its validity that is left, the shortest pause, or a wish."""
    assert due == renewal.is_due(begin, end, NOW, share=0.3, minimal_seconds=minimal, asked=asked)


def test_the_double_reads_cursors_as_the_director_does() -> None:
    """With and without the prefix; nothing else."""
    assert (2000, 2000, 0) == (offset_of("MjAwMA=="), offset_of(cursor_of(2000)), offset_of(""))
    for wrong in ("LTE=", "foo-bar", "Zm9vLWJh-1cg=="):
        with pytest.raises(Refused, match="cursor is not correct"):
            offset_of(wrong)


def test_apis_without_an_address_of_their_own_are_said() -> None:
    """Two bundles of one name with APIs of one name, and a name without a letter; what can be called is not said."""
    fine, same, odd = Definition("1", "orders", "x"), Definition("2", "Orders!", "x"), Definition("3", "!!!", "x")
    shops = Bundle("a", "Shop", apis=(fine,)), Bundle("b", "shop", apis=(same, odd))
    bundles = (*shops, Bundle("c", "other", apis=(fine,)))
    mirror = convert(DirectorApplication("id", "app", bundles=bundles), "app", gateway_url=GATEWAY, limit_bytes=9)
    said = [problem.split("API ")[1].split(" cannot")[0] for problem in mirror.problems]
    assert ["'orders'", "'Orders!'", "'!!!'"] == said
