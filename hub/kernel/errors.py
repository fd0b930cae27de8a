"""The one tree of errors.

Each class knows three things: the HTTP status, the kind and whether trying again may help. What varies is in fields;
the text says who, what, and what to do. Library errors are translated where the library is called, `from error`.
"""

from typing import Any, ClassVar


class HubError(Exception):
    """Something the hub refuses or cannot do."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "error"
    retry: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, **fields: Any) -> None:
        """Create the error.

        Args:
            detail: one sentence for the person who gets it; the class docstring when absent.
            fields: what varies (`field=`, `value=`, `retry_after_seconds=` …); rendered beside the detail.
        """
        self.detail = detail or (type(self).__doc__ or type(self).__name__)
        self.fields = fields
        super().__init__(self.detail)

    def within(self, context: str) -> "HubError":
        """Return the same error, its text put behind an outer context (`outer, inner`)."""
        return type(self)(f"{context}, {self.detail}", **self.fields)


class InvalidInput(HubError):
    """The input is not acceptable."""

    status, kind = 400, "invalid-input"


class MissingField(InvalidInput):
    """A required field is missing."""

    kind = "missing-field"


class InvalidField(InvalidInput):
    """A field has a value that is not acceptable."""

    kind = "invalid-field"


class BodyTooLarge(InvalidInput):
    """The request body is larger than the limit."""

    status, kind = 413, "body-too-large"


class NotAuthenticated(HubError):
    """The caller is not known; present a client certificate or a token."""

    status, kind = 401, "not-authenticated"


class NotPermitted(HubError):
    """The caller is known but may not do this."""

    status, kind = 403, "not-permitted"


class NotFound(HubError):
    """There is no such thing."""

    status, kind = 404, "not-found"


class AlreadyExists(HubError):
    """There is such a thing already."""

    status, kind = 409, "already-exists"


class RevisionConflict(HubError):
    """The thing was changed meanwhile; read it again and repeat the change."""

    status, kind, retry = 409, "revision-conflict", True


class ContractViolation(HubError):
    """The data breaks the schema that its owner registered."""

    status, kind = 422, "contract-violation"


class TooManyRequests(HubError):
    """The caller sends more than it may; go on after the time given."""

    status, kind, retry = 429, "too-many-requests", True


class UnsupportedContent(HubError):
    """The content type or encoding is not accepted here."""

    status, kind = 415, "unsupported-media-type"


class UpstreamRefused(HubError):
    """Another system refused the call."""

    status, kind = 502, "upstream-refused"


class UpstreamUnavailable(HubError):
    """Another system did not answer."""

    status, kind, retry = 502, "upstream-unavailable", True


class BrokerUnavailable(HubError):
    """The event store does not answer; try again shortly."""

    status, kind, retry = 503, "broker-unavailable", True


class Misconfigured(HubError):
    """The settings cannot work."""

    status, kind = 500, "misconfigured"
