"""The subject of a client certificate as clients see it, and what cannot become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.model import Client, Subject
from hub.connector.settings import SubjectSettings
from hub.connector.subject import parse, render, subject_of, to_name
from hub.kernel.errors import HubError, InvalidField, InvalidInput

VALUES = st.text(st.characters(exclude_characters=",=", exclude_categories=("C", "Z")), min_size=1, max_size=64)


def test_the_text_has_upstreams_order_and_no_spaces() -> None:
    """Clients split the text at commas and equals signs and repeat the parts in this order."""
    subject = Subject("Org", "OrgUnit", "Gliwice", "Province", "PL", "CommonName")
    assert render(subject) == "O=Org,OU=OrgUnit,L=Gliwice,ST=Province,C=PL,CN=CommonName"


def test_tenant_and_group_replace_organization_and_unit_only_together() -> None:
    """An Application with tenant and group gets both into its certificates; one of them alone counts for nothing."""
    settings = SubjectSettings()
    assert (
        render(subject_of(Client("shop", "tenant", "group"), settings))
        == "O=tenant,OU=group,L=Waldorf,ST=Waldorf,C=DE,CN=shop"
    )
    assert (
        render(subject_of(Client("shop", "tenant"), settings))
        == "O=Organization,OU=OrgUnit,L=Waldorf,ST=Waldorf,C=DE,CN=shop"
    )


@pytest.mark.parametrize(
    "client", [Client("x" * 65), Client("shop", "a,b", "c"), Client("shop", "a", "b=c"), Client("")]
)
def test_what_clients_could_not_read_or_a_certificate_not_hold_is_refused(client: Client) -> None:
    """A comma, an equals sign, or more characters than X.520 allows are found before a token is given out."""
    with pytest.raises(InvalidField, match="cannot become"):
        subject_of(client, SubjectSettings())


@pytest.mark.parametrize(
    "text",
    ["", "CN=x", "O=a,OU=b,L=c,ST=d,C=DE,CN=", "O=a,OU=b,L=c,ST=d,C=DE,CN=x,CN=y", "O=a,OU=b,L=c,ST=d,C=DE,X=1"],
)
def test_a_text_that_is_no_subject_is_refused(text: str) -> None:
    """Missing, empty, repeated and unknown attributes are refused, not guessed."""
    with pytest.raises(InvalidInput, match="not a certificate subject"):
        parse(text)


@given(st.builds(Subject, VALUES, VALUES, VALUES, VALUES, VALUES, VALUES))
def test_parsing_undoes_rendering(subject: Subject) -> None:
    """Whatever values a subject has, a client that reads its text gets them back."""
    assert subject == parse(render(subject))


@given(st.text())
def test_parsing_any_text_ends_in_a_subject_or_a_refusal(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        parse(text)
    except HubError as error:
        assert isinstance(error, InvalidInput)


def test_the_name_in_the_certificate_keeps_the_order() -> None:
    """Clients rebuild the subject of a renewal from their certificate, in the certificate's order."""
    name = to_name(Subject("o", "ou", "l", "st", "DE", "cn"))
    assert [part.rfc4514_attribute_name for part in name] == ["O", "OU", "L", "ST", "C", "CN"]
