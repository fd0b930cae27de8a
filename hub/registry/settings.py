"""Settings of the registry."""

from pydantic import BaseModel, Field


class RegistrySettings(BaseModel):
    """What the registry accepts and where its answers point to."""

    body_limit_bytes: int = Field(16 * 1024 * 1024, ge=1, description="""Largest body of a registration, in bytes; it
        holds whole API specifications, which are often above 1 MB. Larger ones are answered 413.""")
    detailed_errors: bool = Field(False, description="""Whether answers with status 500 on the metadata API carry the
        text of the failure; off, as upstream, they say `Internal error.` and the log holds the text.""")
    integration_scope: str = Field("kyma-system", description="""Scope of the Secrets that hold the credentials of
        registered APIs; the gateway looks them up there, as upstream.""")
    gateway_url: str = Field("http://127.0.0.1:8083", description="""Address of the Application Gateway as Functions
        reach it; written into `centralGatewayUrl` and, its host name, into Swagger 2.0 documents.""")
    spec_limit_bytes: int = Field(16 * 1024 * 1024, ge=1, description="""Largest specification fetched from a
        `specificationUrl`, in bytes; a larger one fails the registration with 502.""")
    spec_timeout_seconds: float = Field(20, gt=0, description="""Seconds that fetching one specification may take, from
        the first connection to the last byte, redirects and token requests included.""")
    spec_private_addresses: bool = Field(False, description="""Whether specifications may be fetched from private
        addresses (10.0.0.0/8 and the like). Off, because the address is chosen by whoever registers. Link-local
        addresses, where clouds answer with credentials, are refused in any case.""")
    spec_loopback: bool = Field(True, description="""Whether specifications may be fetched from loopback addresses; on
        for development, switch it off on a machine with other services.""")
    sweep_seconds: float = Field(600, gt=0, description="""Seconds between two looks for Secrets and documents that
        belong to no Service: what a process left that was killed in the middle of a registration.""")
    orphan_seconds: float = Field(300, gt=0, description="""Age in seconds above which such a leftover is removed. Must
        be longer than any registration takes from its first write to its last.""")
