"""PURE. The subject of a client certificate: as text, as X.509 name, and compared with what a client asks for.

Clients take the text apart at commas and equals signs without knowing any escape, so neither may occur in a value.
"""

from cryptography import x509
from cryptography.x509.oid import NameOID

from hub.connector.model import Client, Subject
from hub.connector.settings import SubjectSettings
from hub.kernel.errors import InvalidField, InvalidInput

LONGEST = 64
"""Characters an attribute may have at most (X.520, upper bound of the common name and organization)."""

# Short name, the field of Subject, the word upstream's messages use; in the order of the text.
_ATTRIBUTES = (
    ("O", "organization", "organization", NameOID.ORGANIZATION_NAME),
    ("OU", "organizational_unit", "organizational unit", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("L", "locality", "locality", NameOID.LOCALITY_NAME),
    ("ST", "province", "province", NameOID.STATE_OR_PROVINCE_NAME),
    ("C", "country", "country", NameOID.COUNTRY_NAME),
    ("CN", "common_name", "common name", NameOID.COMMON_NAME),
)
# Upstream looks at the common name and the country first.
_COMPARED = tuple(sorted(_ATTRIBUTES, key=lambda attribute: ("CN", "C", "O", "OU", "L", "ST").index(attribute[0])))


def subject_of(client: Client, defaults: SubjectSettings) -> Subject:
    """Return the subject a client's certificate must have; tenant and group replace O and OU when both are set.

    Raises:
        InvalidField: a value is longer than a certificate can hold, or holds a comma or an equals sign.
    """
    central = bool(client.tenant and client.group)
    subject = Subject(
        organization=client.tenant if central else defaults.organization,
        organizational_unit=client.group if central else defaults.organizational_unit,
        locality=defaults.locality,
        province=defaults.province,
        country=defaults.country,
        common_name=client.application,
    )
    for short, field, _word, _oid in _ATTRIBUTES:
        _check(short, getattr(subject, field))
    return subject


def render(subject: Subject) -> str:
    """Return `O=…,OU=…,L=…,ST=…,C=…,CN=…`: this order, no spaces.

    Source: kyma-project/kyma:components/connector-service/internal/externalapi@1.24.0
    """
    return ",".join(f"{short}={getattr(subject, field)}" for short, field, _word, _oid in _ATTRIBUTES)


def parse(text: str) -> Subject:
    """Return the subject a text names; the attributes may come in any order.

    Raises:
        InvalidInput: an attribute is missing, given twice, unknown, or has no value.
    """
    pairs = [part.partition("=")[::2] for part in text.split(",")]
    known = {short: field for short, field, _word, _oid in _ATTRIBUTES}
    found = {known[short.strip()]: value.strip() for short, value in pairs if short.strip() in known}
    if len(pairs) != len(_ATTRIBUTES) or len(found) != len(_ATTRIBUTES) or not all(found.values()):
        raise InvalidInput(f"'{text}' is not a certificate subject; it needs O, OU, L, ST, C and CN, each once.")
    return Subject(**found)


def to_name(subject: Subject) -> x509.Name:
    """Return the subject as an X.509 name, in the order of its text."""
    return x509.Name([x509.NameAttribute(oid, getattr(subject, field)) for _short, field, _word, oid in _ATTRIBUTES])


def compare(name: x509.Name, expected: Subject) -> None:
    """Accept a requested name that says what is expected: first value of each attribute, in any order, extras ignored.

    Raises:
        InvalidInput: an attribute is missing or different; the text is upstream's.

    Source: kyma-project/kyma:components/connector-service/internal/certificates/certificateutility.go@1.24.0
    """
    for short, field, word, oid in _COMPARED:
        values = name.get_attributes_for_oid(oid)
        if not values and short != "CN":
            raise InvalidInput(f"CSR: No {word} provided.")
        if not values or values[0].value != getattr(expected, field):
            raise InvalidInput(f"CSR: Invalid {word} provided.")


def _check(short: str, value: str) -> None:
    if "," in value or "=" in value:
        raise InvalidField(
            f"'{value}' cannot become {short} of a certificate: it holds a comma or an equals sign, at which clients "
            "split; choose another value.",
            field=short,
        )
    if not 1 <= len(value) <= LONGEST:
        raise InvalidField(
            f"'{value}' cannot become {short} of a certificate, which holds 1 to {LONGEST} characters; choose a "
            "shorter name.",
            field=short,
        )
