"""What became of a client certificate. Never a key, never a token: subject, numbers and times only."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import Moment

Holder = Annotated[
    str,
    Field(min_length=1, description="Name of the Application that holds the certificate; `*Runtime*` for a runtime."),
]
Tenant = Annotated[str, Field(description="Tenant in the subject (O); empty when the certificate names none.")]
Group = Annotated[str, Field(description="Group in the subject (OU); empty when the certificate names none.")]
Authority = Annotated[
    str,
    Field(pattern="^([0-9a-f]{2})*$", description="Key identifier of the authority that signed it; empty: not known."),
]
Subject = Annotated[str, Field(description="Distinguished name of the subject, such as `CN=shop,OU=hub,O=hub`.")]
Serial = Annotated[str, Field(pattern="^[0-9a-f]+$", description="Serial number, lower-case hexadecimal.")]
Fingerprint = Annotated[
    str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the certificate, lower-case hexadecimal.")
]
NotAfter = Annotated[Moment, Field(description="Last moment of validity, RFC 3339 with a time zone.")]


class CertificateIssued(Contract):
    """A connected solution or a runtime got a client certificate by a pairing token."""

    contract_type: ClassVar[str] = "hub.certificate.v1.issued"

    application: Holder
    subject: Subject
    serial: Serial
    fingerprint: Fingerprint
    not_after: NotAfter
    tenant: Tenant = ""
    group: Group = ""
    authority: Authority = ""


class CertificateRenewed(Contract):
    """A connected solution or a runtime exchanged its client certificate for a new one."""

    contract_type: ClassVar[str] = "hub.certificate.v1.renewed"

    application: Holder
    subject: Subject
    serial: Serial
    fingerprint: Fingerprint
    not_after: NotAfter
    previous_fingerprint: Annotated[
        str, Field(pattern="^([0-9a-f]{64})?$", description="Fingerprint it was renewed with; empty when not known.")
    ] = ""
    tenant: Tenant = ""
    group: Group = ""
    authority: Authority = ""


class CertificateRevoked(Contract):
    """A client certificate is no longer accepted, from now on and on open connections too."""

    contract_type: ClassVar[str] = "hub.certificate.v1.revoked"

    application: Holder
    fingerprint: Fingerprint
    serial: Annotated[
        str, Field(pattern="^[0-9a-f]*$", description="Serial number, lower-case hexadecimal; empty when not known.")
    ] = ""
    reason: Annotated[str, Field(description="Why, in a few words; empty when not given.")] = ""
