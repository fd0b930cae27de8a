"""Field types that several contracts share: the same word has the same rule and the same description everywhere."""

import re
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

_USER_INFO = re.compile(r"//[^/?#]*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def without_secrets(url: str) -> str:
    """Return a URL without user info, query and fragment: the parts in which people put credentials."""
    return _USER_INFO.sub("//", _QUERY.sub("", url))


ApplicationName = Annotated[str, Field(min_length=1, description="Name of the Application.")]
Scope = Annotated[str, Field(min_length=1, description="Scope of the resource (Kyma's namespace).")]
SubscriptionName = Annotated[str, Field(min_length=1, description="Name of the Subscription within its scope.")]
FunctionName = Annotated[str, Field(min_length=1, description="Name of the Function within its scope.")]
ServiceId = Annotated[str, Field(min_length=1, description="Id of the Service within its Application.")]
EventId = Annotated[str, Field(min_length=1, description="Id of the event, unique within its source.")]
EventTypeName = Annotated[
    str, Field(min_length=1, description="Versioned name of the event type, such as `order.created.v1`.")
]
Source = Annotated[str, Field(min_length=1, description="Who emitted the event; normally the Application's name.")]
Sink = Annotated[
    str, AfterValidator(without_secrets), Field(description="Where deliveries go; without user info, query, fragment.")
]
Attempt = Annotated[int, Field(ge=1, description="The attempt, counted from 1.")]
Sequence = Annotated[int, Field(ge=0, description="Position of the event in its stream; 0 when it has none.")]
Status = Annotated[int | None, Field(ge=100, le=599, description="HTTP status of the answer; null when none came.")]
Seconds = Annotated[float, Field(ge=0, description="How long it took, in seconds.")]
ErrorKind = Annotated[str, Field(min_length=1, description="Kind of the error, such as `upstream-unavailable`.")]
Detail = Annotated[str, Field(description="The error in one sentence, for people; holds no secret and no event data.")]
Generation = Annotated[int, Field(ge=1, description="Generation of the resource; grows with each change of its spec.")]
Revision = Annotated[
    int, Field(ge=0, description="Revision of the resource in its bucket after the change; 0 when not known.")
]
Moment = Annotated[AwareDatetime, Field(description="Moment, RFC 3339 with a time zone.")]
