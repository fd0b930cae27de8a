"""Settings of the gateway and of its two listeners."""

from pydantic import Field

from hub.kernel.settings import ListenerSettings


class _WorkloadsListener(ListenerSettings):
    """A listener for workloads."""

    @property
    def url(self) -> str:
        """Return the address under which workloads on this machine reach the gateway."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class EntryListenerSettings(_WorkloadsListener):
    """The gateway's listener for the form with three names: `/{application}/{service}/{entry}/{path}`."""

    port: int = Field(8084, ge=0, le=65535, description="""Port to bind.""")


class GatewaySettings(_WorkloadsListener):
    """The gateway, and its listener for the form with two names: `/{application}/{service}/{path}`."""

    port: int = Field(8083, ge=0, le=65535, description="""Port to bind.""")

    secret_scope: str = Field(
        "kyma-system",
        description="""Scope of the Secrets with the credentials of APIs; the same
        as HUB_REGISTRY__INTEGRATION_SCOPE.""",
    )
    timeout_seconds: float = Field(
        10,
        gt=0,
        description="""Seconds a target may take from the first attempt to connect
        until its answer begins; then the caller is answered 504. Kyma's own default; an Application sets its own by the
        annotation `gateway.hub/timeout`, one of its APIs by `gateway.hub/timeout.<service>`.""",
    )
    idle_seconds: float = Field(
        120,
        gt=0,
        description="""Seconds an answer that has begun, or a body on its way to the
        target, may stand still before the call is cut off.""",
    )
    connect_seconds: float = Field(5, gt=0, description="""Most seconds for one connection: name, TCP and TLS.""")
    http2: bool = Field(
        True,
        description="""Whether targets with TLS may choose HTTP/2, as upstream offers it; WebSockets
        go over HTTP/1.1 in any case.""",
    )
    keep_seconds: float = Field(30, gt=0, description="""Seconds an unused connection to a target is kept.""")
    connections: int = Field(
        100,
        ge=1,
        description="""Most connections at once to one target; further calls wait for
        one to become free.""",
    )
    tunnels: int = Field(1000, ge=0, description="""Most WebSockets open at once, in each process and form of paths.""")
    replay_bytes: int = Field(
        1024 * 1024,
        ge=0,
        description="""Largest request body that is kept until the answer
        begins, so that the call can be repeated. A longer one is streamed, and its call is not repeated.""",
    )
    token_seconds: float = Field(
        300,
        gt=0,
        description="""Seconds an OAuth token is used whose issuer does not say how
        long it is valid, and a CSRF token at most.""",
    )
    breaker_failures: int = Field(
        10,
        ge=1,
        description="""Calls in a row that a target must leave without an answer
        before it is not called any more for a while.""",
    )
    breaker_open_seconds: float = Field(5, gt=0, description="""Seconds until such a target is tried again.""")
    slow_seconds: float = Field(5, gt=0, description="""Calls that take longer until the answer begins are logged.""")
    private_addresses: bool = Field(
        False,
        description="""Whether targets, token and CSRF endpoints may be at private
        addresses (10.0.0.0/8 and the like). Off, because whoever registers an API chooses its address. Link-local
        addresses, where clouds answer with credentials, are refused in any case.""",
    )
    loopback: bool = Field(
        True,
        description="""Whether they may be at loopback addresses; on for development, switch it
        off on a machine with other services.""",
    )
