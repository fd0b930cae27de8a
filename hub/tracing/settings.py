"""Settings of tracing: which traces are recorded, and where their spans go."""

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

TRACES_PATH = "/v1/traces"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def collector_of(environment: Mapping[str, str]) -> str | None:
    """Return the collector that an environment names in OpenTelemetry's way, or in that of Kyma's runtimes.

    Source: the OpenTelemetry specification, "OpenTelemetry Protocol Exporter"; only the base address gets a path.
    """
    whole = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    kyma = environment.get("TRACE_COLLECTOR_ENDPOINT", "")
    return whole or (base.rstrip("/") + TRACES_PATH if base else "") or kyma or None


def headers_of(environment: Mapping[str, str]) -> SecretStr | None:
    """Return the headers that an environment names for the collector."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    found = next((environment[name] for name in names if environment.get(name)), None)
    return SecretStr(found) if found else None


class TracingSettings(BaseModel):
    """Which traces are recorded, and where their spans go."""

    record: bool = Field(True, description="""Whether spans are recorded at all; without, trace contexts are passed on
        as they come.""")
    traces_per_second: float = Field(10, ge=0, description="""Traces that begin here and are recorded, per second and
        process; below this rate all are. A caller that brings a trace has decided already, either way.""")
    share: float = Field(1.0, ge=0, le=1, description="""Share of the traces that begin here which may be recorded, by
        chance, before the rate bounds them.""")
    endpoint: str | None = Field(default_factory=lambda: collector_of(os.environ), description="""Address of a collector
        that takes OTLP over HTTP (JSON); `/v1/traces` is added to an address without a path. Absent:
        `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT` or `TRACE_COLLECTOR_ENDPOINT`, whichever is
        set first; else spans are only kept for `hub trace`. Functions get it as `TRACE_COLLECTOR_ENDPOINT`.""")
    headers: SecretStr | None = Field(default_factory=lambda: headers_of(os.environ), description="""Headers for the
        collector, such as an API key: `name=value`, commas between several. Absent: `OTEL_EXPORTER_OTLP_HEADERS`.""")
    flush_seconds: float = Field(1, gt=0, description="""Seconds that spans are gathered before they are kept and
        sent.""")
    queue: int = Field(4096, ge=1, description="""Spans that may wait in a process, for the next flush and for a
        collector that is away; those beyond are dropped and counted.""")
    timeout_seconds: float = Field(10, gt=0, description="""Seconds the collector may take to answer.""")

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http or https address, such as http://localhost:4318")
        return value.rstrip("/") + TRACES_PATH if parts.path in {"", "/"} else value

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parsed(value.get_secret_value())
        return value

    def sent_headers(self) -> dict[str, str]:
        """Return the headers for the collector by lower-case name."""
        return parsed(self.headers.get_secret_value()) if self.headers is not None else {}


def parsed(text: str) -> dict[str, str]:
    """Return `name=value,name=value` as headers.

    Raises:
        ValueError: it is not of this form; the text of the error does not repeat it.
    """
    headers = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, sign, value = part.partition("=")
        headers[name.strip().lower()] = unquote(value.strip())
        if not sign or not _NAME.fullmatch(name.strip()) or not headers[name.strip().lower()].isprintable():
            raise ValueError("must be name=value, with commas between several")
    return headers
