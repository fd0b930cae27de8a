"""The one tree of settings: environment variables with the prefix HUB_, nested by two underscores.

Each room's class lives in the room; nobody else reads the environment. An unknown HUB_ variable is an error: a
misspelt setting must not be passed over in silence.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.catalog.settings import CatalogSettings
from hub.compass.settings import CompassSettings
from hub.connector.settings import ConnectorSettings
from hub.dispatch.settings import DispatchSettings
from hub.functions.settings import FunctionsSettings
from hub.gateway.settings import EntryListenerSettings, GatewaySettings
from hub.ingress.settings import IngressSettings
from hub.kernel.errors import Misconfigured
from hub.kernel.settings import (
    EdgeSettings,
    InternalSettings,
    KernelSettings,
    KeySettings,
    LogSettings,
    MetricsSettings,
    NatsSettings,
    PublicSettings,
    StreamSettings,
)
from hub.registry.settings import RegistrySettings
from hub.tracing.settings import TracingSettings
from hub.up.settings import UpSettings

PREFIX = "HUB_"
# Set by the supervisor, the shell or the runner of Functions for other purposes than settings.
NOT_SETTINGS = {"HUB_PARENT_PIPE", "HUB_PROCESS", "HUB_WORKLOAD_TOKEN"}


def default_data_dir() -> Path:
    """Return the platform's directory for a user's application data, `hub` below it."""
    home = Path.home()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "hub"
    mac = home / "Library" / "Application Support"
    if mac.is_dir():
        return mac / "hub"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "hub"


class HubSettings(BaseSettings):
    """Every setting of the hub."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_file=".env", extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Field(default_factory=default_data_dir, description="""Directory of all state: event store, keys,
        function environments, logs.""")
    stop_seconds: float = Field(10, gt=0, description="""Seconds a process may take to finish what it has in hand.""")
    up: UpSettings = Field(default_factory=UpSettings)
    nats: NatsSettings = Field(default_factory=NatsSettings)
    streams: StreamSettings = Field(default_factory=StreamSettings)
    edge: EdgeSettings = Field(default_factory=EdgeSettings)
    public: PublicSettings = Field(default_factory=PublicSettings)
    internal: InternalSettings = Field(default_factory=InternalSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    logs: LogSettings = Field(default_factory=LogSettings)
    keys: KeySettings = Field(default_factory=KeySettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    connector: ConnectorSettings = Field(default_factory=ConnectorSettings)
    catalog: CatalogSettings = Field(default_factory=CatalogSettings)
    ingress: IngressSettings = Field(default_factory=IngressSettings)
    dispatch: DispatchSettings = Field(default_factory=DispatchSettings)
    functions: FunctionsSettings = Field(default_factory=FunctionsSettings)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    gateway_compass: EntryListenerSettings = Field(default_factory=EntryListenerSettings)
    compass: CompassSettings = Field(default_factory=CompassSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)

    @model_validator(mode="after")
    def _lead_to_the_gateway(self) -> "HubSettings":
        """Tell those who hand out the gateway's address where it listens, unless they were told another."""
        for part in (self.registry, self.functions):
            if "gateway_url" not in part.model_fields_set and self.gateway.port:
                part.gateway_url = self.gateway.url
        if "gateway_url" not in self.compass.model_fields_set and self.gateway_compass.port:
            self.compass.gateway_url = self.gateway_compass.url
        return self

    @model_validator(mode="after")
    def _agree_on_the_prefix(self) -> "HubSettings":
        """Tell dispatch how prefixed event types begin, unless it was told: else no Subscription would find them."""
        if self.dispatch.event_type_prefix is None:
            self.dispatch.event_type_prefix = self.ingress.event_type_prefix
        return self

    @model_validator(mode="after")
    def _lead_to_the_collector(self) -> "HubSettings":
        """Tell Functions where spans go, unless they were told another place."""
        if "trace_collector_url" not in self.functions.model_fields_set:
            self.functions.trace_collector_url = self.tracing.endpoint
        return self

    def kernel(self) -> KernelSettings:
        """Return the part that the kernel needs."""
        return KernelSettings(**{name: getattr(self, name) for name in KernelSettings.model_fields})


def load(**overrides: Any) -> HubSettings:
    """Read the settings from the environment and `.env`.

    Raises:
        Misconfigured: a value that cannot work, or a HUB_ variable that no setting has; the text names it.
    """
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and not _known(name))
    if unknown:
        raise Misconfigured(
            f"The environment sets {', '.join(unknown)}, which the hub does not have; see `hub settings` for the names."
        )
    try:
        return HubSettings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        raise Misconfigured(f"{name} is not acceptable: {first['msg']}.") from error


def _known(variable: str) -> bool:
    if variable in NOT_SETTINGS:
        return True
    model: Any = HubSettings
    for part in variable.removeprefix(PREFIX).lower().split("__"):
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return False
        model = field.annotation
    return True
