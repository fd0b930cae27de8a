"""Settings of Compass mode. Which Compass and which Runtime is no setting: that is in the pairing Secret."""

from pathlib import Path

from pydantic import BaseModel, Field

_URL = "^https?://[^/?#]+"


class CompassSettings(BaseModel):
    """The connection with Compass and the synchronization of its applications."""

    interval_seconds: float = Field(180, gt=0, description="""Seconds between two synchronizations, as Kyma's
        installations use it.""")
    minimal_seconds: float = Field(15, gt=0, description="""Seconds after a failure before the next attempt; they double
        with each failure up to the interval. Twice this is also what a certificate must still be good for.""")
    renewal_share: float = Field(0.3, gt=0, lt=1, description="""Share of a certificate's validity that is left when
        it is renewed.""")
    timeout_seconds: float = Field(30, gt=0, description="""Seconds that one call of the Director or Connector may
        take.""")
    page_size: int = Field(50, ge=1, le=200, description="""Applications asked for at once; each comes with all its
        specifications. An answer above `answer_limit_bytes` is asked for again in smaller pages.""")
    answer_limit_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="""Largest answer that is read.""")
    specification_limit_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="""Largest API or event specification
        that is kept; of a larger one the status says so, and its Service goes without.""")
    removal_share: float = Field(0.5, ge=0, le=1, description="""Share of the Applications of Compass that one
        synchronization may remove by itself; a single one always may, unless this is 0. More are kept until
        `hub compass sync --accept-removals`: a fault at the Director, or a formation that was emptied by mistake, must
        not take everything away.""")
    lease_seconds: float = Field(30, gt=0, description="""Seconds after which another process takes over the
        synchronization from one that is gone.""")
    events_url: str | None = Field(None, pattern=_URL, description="""Address at which solutions post events, told to
        Compass. Absent: that of the edge.""")
    console_url: str | None = Field(None, pattern=_URL, description="""Address of the console, told to Compass. Absent:
        that of the public listener.""")
    gateway_url: str = Field("http://127.0.0.1:8084", pattern=_URL, description="""Address of the Application Gateway in
        its Compass form, written into `centralGatewayUrl`.""")
    ca_file: Path | None = Field(None, description="""PEM certificates that are trusted for Compass besides those of the
        system.""")
    verify_tls: bool = Field(True, description="""Whether the certificates of Director and Connector are verified. Off
        only for a trial: whoever answers gets the pairing token.""")
    skip_verify: bool = Field(False, description="""Written into `skipVerify` of new Applications: do not verify the
        TLS certificates of their APIs.""")
    key_bits: int = Field(4096, ge=2048, le=8192, description="""Size of the RSA key of the client certificate; 4096 as
        upstream.""")
