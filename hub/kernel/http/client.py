"""The only place that builds outgoing HTTP clients.

`Outbound` (pyreqwest) is for the hot path: it costs a tenth of httpx per request. httpx serves control calls.
Redirects are never followed: a redirected event could leave through a door that nobody allowed.
"""

import os
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestTimeoutError

from hub.kernel.errors import UpstreamUnavailable

EXCERPT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Reply:
    """What a target answered: the status, the headers by lower-case name, the first bytes of the body."""

    status: int
    headers: dict[str, str]
    excerpt: bytes


class Outbound:
    """Posts bytes to any target; connections are kept and shared."""

    def __init__(self, *, ca_file: Path | None = None, connect_timeout_seconds: float = 5) -> None:
        """Create the client; must run inside the event loop."""
        builder = (
            ClientBuilder()
            .follow_redirects(enable=False)
            .connect_timeout(timedelta(seconds=connect_timeout_seconds))
            .user_agent("hub")
            .referer(enable=False)
        )
        if ca_file is not None:
            builder = builder.add_root_certificate_pem(ca_file.read_bytes())
        self._client: Client = builder.build()

    async def post(self, url: str, headers: dict[str, str], body: bytes, *, timeout_seconds: float) -> Reply:
        """Post a body.

        Raises:
            UpstreamUnavailable: no answer: refused, reset, timed out, not resolvable; the text says which.
        """
        request = self._client.post(url).headers(headers).body_bytes(body)
        try:
            response = await request.timeout(timedelta(seconds=timeout_seconds)).build().send()
            excerpt = bytes(await response.bytes())[:EXCERPT_BYTES]
        except RequestTimeoutError as error:
            raise UpstreamUnavailable(f"No answer within {timeout_seconds:g} s.", reason="timeout") from error
        except PyreqwestError as error:
            raise UpstreamUnavailable(_said(error), reason="connection") from error
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, excerpt)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _said(error: Exception) -> str:
    text = str(error.args[0] if error.args else error).splitlines()
    return (text[0] if text else type(error).__name__)[:300]


def trust(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts the system's store, SSL_CERT_FILE, and one file more."""
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def control_client(*, ca_file: Path | None = None, timeout_seconds: float = 10) -> httpx.AsyncClient:
    """Return a client for control calls."""
    return httpx.AsyncClient(verify=trust(ca_file), timeout=timeout_seconds, follow_redirects=False)
