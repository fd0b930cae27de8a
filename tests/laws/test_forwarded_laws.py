"""Laws of X-Forwarded-Client-Cert: any bytes end in a caller or a refusal, and no value can speak for another name."""

from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.errors import NotPermitted
from hub.kernel.identity import identity_from_header

FINGERPRINT = "ab" * 32
# Names as certificates hold them: nothing that ends a header, no space at either end.
NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


def escaped(value: str) -> str:
    """Return a value as RFC 4514 writes it: every special character behind a backslash."""
    return "".join(f"\\{char}" if char in ',+"\\<>;=#' else char for char in value)


def quoted(value: str) -> str:
    """Return a value as the header carries it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.binary(max_size=300))
def test_any_value_is_read_or_refused(value: bytes) -> None:
    """No header makes the reader fail in another way."""
    try:
        identity_from_header.__wrapped__(value)
    except NotPermitted:
        return


@given(st.text(st.sampled_from('CN=shop,;"\\HashSubject'), max_size=60))
def test_any_likely_value_is_read_or_refused(value: str) -> None:
    """Nor does one made of the header's own words and separators."""
    try:
        identity_from_header.__wrapped__(value.encode())
    except NotPermitted:
        return


@given(NAMES, NAMES)
def test_no_organization_can_change_the_common_name(organization: str, common_name: str) -> None:
    """Whatever stands in one attribute, properly written, the others are read as they are."""
    subject = f"O={escaped(organization)},CN={escaped(common_name)}"
    identity = identity_from_header.__wrapped__(f"Hash={FINGERPRINT};Subject={quoted(subject)}".encode())
    assert (identity.common_name, dict(identity.subject)["O"]) == (common_name, organization)


@given(NAMES)
def test_nothing_in_front_of_the_last_element_counts(forged: str) -> None:
    """What a caller sent and its proxy passed on is not the caller's name."""
    front = f"Hash={'0' * 64};Subject={quoted(f'CN={escaped(forged)}')}"
    value = f'{front},Hash={FINGERPRINT};Subject="CN=shop"'
    assert identity_from_header.__wrapped__(value.encode()).common_name == "shop"
