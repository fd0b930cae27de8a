"""Who did what: one record for each act that changes what somebody may do, published by the worker that acted.

Kept in the stream AUDIT long after the contract events around it are gone.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.envelope import Contract


class AuditRecorded(Contract):
    """Somebody did something, or was refused it. Holds names and numbers, never a token, a key or event data."""

    contract_type: ClassVar[str] = "hub.audit.v1.recorded"

    actor: Annotated[
        str,
        Field(
            min_length=1,
            description="Who: `operator:<user>@<host>` as the command line says it, `certificate:<common name>` and "
            "`token:<application>` as proven, `hub` for the hub by itself.",
        ),
    ]
    action: Annotated[
        str, Field(pattern=r"^[a-z]+(\.[a-z_]+)+$", description="What: noun and verb, such as `certificate.revoke`.")
    ]
    target: Annotated[str, Field(min_length=1, description="On what: plural and name, such as `applications/shop`.")]
    outcome: Annotated[Literal["done", "refused"], Field(description="Whether it was done.")] = "done"
    detail: Annotated[str, Field(description="What else tells this act from others, in a few words.")] = ""
    address: Annotated[str, Field(description="Network address the request came from; empty when not known.")] = ""
