"""Settings of the catalog."""

from pydantic import BaseModel, Field


class CatalogSettings(BaseModel):
    """How the catalog follows what the Applications registered."""

    reconcile_seconds: float = Field(default=300, gt=0, description="""Seconds between two complete comparisons of the
        catalog with what the Applications registered. Announcements make changes visible at once; this heals what an
        announcement lost. Shorter costs reading every specification more often, longer leaves a loss visible.""")
    retry_seconds: float = Field(default=1, gt=0, description="""Pause after a comparison that failed because the event
        store did not answer. Long enough for a server to come back, short enough to go unnoticed.""")
    schema_limit_bytes: int = Field(default=262_144, ge=1024, le=524_288, description="""Largest schema of one event
        type, as JSON; a document with a larger one is refused. The event store takes no value above one megabyte.""")
    unknown_keep_days: float = Field(default=30, gt=0, description="""Days after which an event type that is in no
        catalog is forgotten when nobody posts it any more. Long enough for a monthly job to show up.""")
    unknown_limit: int = Field(default=1000, ge=1, description="""Most unknown event types remembered per Application;
        more are a mistake in the posting solution, and would only fill the event store.""")
