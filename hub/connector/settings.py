"""Settings of the connector."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

_VALUE = "^[^,=]{1,64}$"


class SubjectSettings(BaseModel):
    """What every client certificate's subject says besides the Application's name. Values hold no comma, no equals."""

    organization: str = Field(default="Organization", pattern=_VALUE, description="""O, unless the Application has a
        tenant and a group: then O is the tenant. Kyma's own default.""")
    organizational_unit: str = Field(default="OrgUnit", pattern=_VALUE, description="""OU, or the group, as with
        O.""")
    locality: str = Field(default="Waldorf", pattern=_VALUE, description="""L. Kyma's own default, which existing
        scripts repeat.""")
    province: str = Field(default="Waldorf", pattern=_VALUE, description="""ST.""")
    country: str = Field(default="DE", pattern="^[A-Z]{2}$", description="""C: two letters (ISO 3166).""")


class ConnectorSettings(BaseModel):
    """Pairing tokens, the hub's certificate authority and the certificates it issues."""

    authority: Literal["ecdsa-p256", "rsa-4096"] = Field(default="ecdsa-p256", description="""Key of the hub's
        certificate authority, chosen once at the first start. ECDSA signs some fifty times faster; RSA is for clients
        whose TLS library cannot read an ECDSA certificate at all.""")
    ca_certificate_file: Path | None = Field(default=None, description="""PEM certificate of an authority of yours,
        which the hub uses instead of making one; behind it in the file may stand the chain it comes from. Only
        certificates of this authority itself are accepted from clients. A changed file takes effect with
        `hub connector ca rotate` or the next start, and begins an overlap with the authority before.""")
    ca_key_file: Path | None = Field(default=None, description="""PEM private key of that authority: RSA from 2048
        bits, or EC. It is read at the start and kept sealed in the event store.""")
    ca_key_password: SecretStr | None = Field(default=None, description="""Password of that key, when it has one.""")
    authority_days: int = Field(default=3650, ge=1, description="""Days the authority's own certificate is valid.""")
    certificate_days: float = Field(default=92, gt=0, le=3650, description="""Days a client certificate is valid;
        fractions count. Kyma's installations use 92.""")
    server_certificate_days: float = Field(default=90, gt=0, le=397, description="""Days the edge's server certificate
        is valid. It is issued anew at each start, and again when a third of that time is left.""")
    token_seconds: float = Field(default=300, gt=0, le=600, description="""Seconds a pairing token can be used. It is
        good for one use; 5 minutes as upstream.""")
    runtime_token_seconds: float = Field(default=600, gt=0, le=600, description="""The same for the token of a runtime;
        10 minutes as upstream.""")
    subject: SubjectSettings = Field(default_factory=SubjectSettings, description="""The certificate's subject.""")
    tidy_seconds: float = Field(default=3600, gt=0, description="""Seconds between two looks for revocations of
        certificates that have ended by themselves, which need not be remembered any more.""")
    body_limit_bytes: int = Field(default=65536, ge=1024, description="""Largest body of a signing request; larger ones
        are answered 413.""")

    @model_validator(mode="after")
    def _both_files(self) -> Self:
        """An authority has a certificate and a key."""
        if (self.ca_certificate_file is None) != (self.ca_key_file is None):
            raise ValueError("ca_certificate_file and ca_key_file belong together; set both or none")
        return self
