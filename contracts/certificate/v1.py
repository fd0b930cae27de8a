"""What became of a client certificate. Never a key, never a token: subject, numbers and times only."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import ApplicationName, Moment

Subject = Annotated[str, Field(description="Distinguished name of the subject, such as `CN=shop,OU=hub,O=hub`.")]
Serial = Annotated[str, Field(pattern="^[0-9a-f]+$", description="Serial number, lower-case hexadecimal.")]
Fingerprint = Annotated[
    str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the certificate, lower-case hexadecimal.")
]
NotAfter = Annotated[Moment, Field(description="Last moment of validity, RFC 3339 with a time zone.")]


class CertificateIssued(Contract):
    """A connected solution got its first client certificate."""

    contract_type: ClassVar[str] = "hub.certificate.v1.issued"

    application: ApplicationName
    subject: Subject
    serial: Serial
    fingerprint: Fingerprint
    not_after: NotAfter


class CertificateRenewed(Contract):
    """A connected solution exchanged its client certificate for a new one."""

    contract_type: ClassVar[str] = "hub.certificate.v1.renewed"

    application: ApplicationName
    subject: Subject
    serial: Serial
    fingerprint: Fingerprint
    not_after: NotAfter
    previous_fingerprint: Annotated[
        str, Field(pattern="^([0-9a-f]{64})?$", description="Fingerprint it was renewed with; empty when not known.")
    ] = ""


class CertificateRevoked(Contract):
    """A client certificate is no longer accepted, from now on and on open connections too."""

    contract_type: ClassVar[str] = "hub.certificate.v1.revoked"

    application: ApplicationName
    fingerprint: Fingerprint
    serial: Annotated[
        str, Field(pattern="^[0-9a-f]*$", description="Serial number, lower-case hexadecimal; empty when not known.")
    ] = ""
    reason: Annotated[str, Field(description="Why, in a few words; empty when not given.")] = ""
