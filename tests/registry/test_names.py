"""Names derived from what solutions choose: upstream's vectors."""

import pytest

from contracts.application.names import normalise
from contracts.dns1123 import is_subdomain
from hub.registry import naming

ID = "c687e68a-9038-4f38-845b-9c61592e59e6"
LONG = "VeryVeryVeryVeryVeryVeryVEryVeryVeryVeryVeryVeryVeryVeryLongDescription"


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        ("short_application", f"short_application-{ID}"),
        ("max_application_aaaaaaaaaa", f"max_application_aaaaaaaaaa-{ID}"),
        ("toolong_application_aaaaaxxxx", f"toolong_application_aaaaax-{ID}"),
    ],
)
def test_a_secret_is_named_by_application_and_service(application: str, expected: str) -> None:
    """The name of a Secret holds at most 26 characters of the Application's, and the whole id."""
    assert expected == naming.resource_name(application, ID)


def test_the_secret_of_request_parameters_is_cut_as_upstream_cuts_it() -> None:
    """Above 64 characters the name is cut to 63; at 64 it stays."""
    assert naming.parameters_name("shop", ID) == f"params-shop-{ID}"
    assert len(naming.parameters_name("a" * 20, ID)) == 64
    assert len(naming.parameters_name("a" * 26, ID)) == 63


@pytest.mark.parametrize(
    ("display_name", "normalised"),
    [
        ("DisplayName", "displayname"),
        ("display_!@#$%^&*()name", "display-name"),
        ("-----displayname", "displayname"),
        ("!" + "a" * 60, "a" * 57),
        ("a" * 56 + " b", "a" * 56),
        (LONG, "veryveryveryveryveryveryveryveryveryveryveryveryveryveryl"),
    ],
)
def test_display_names_are_normalised(display_name: str, normalised: str) -> None:
    """Normalised names are lower-case alphanumerics and single dashes; with the id they carry its hash."""
    assert normalised == normalise(display_name)
    assert f"{normalised}-87ea5" == naming.service_name(display_name, "id")


def test_a_name_of_nothing_but_signs_leaves_the_hash() -> None:
    """A display name without any letter or digit still gives a usable Service name."""
    assert naming.service_name("!!!", "id") == "87ea5"


@pytest.mark.parametrize("name", ["shop", "a.b-c.d", "0", "a" * 253])
def test_a_resource_name_is_a_subdomain(name: str) -> None:
    """Names that Kubernetes takes are taken."""
    assert is_subdomain(name)


@pytest.mark.parametrize(
    "name", ["my_shop", "Shop", "-a", "a-", "a..b", "a.-b", "", "a" * 254, "../x", "a\n", "a/b", "{app}"]
)
def test_another_name_is_none(name: str) -> None:
    """Names that Kubernetes refuses are told apart, path traversal among them."""
    assert not is_subdomain(name)
