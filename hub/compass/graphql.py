"""Calls of Connector and Director: GraphQL over HTTPS, with the client certificate once there is one.

Not pure: it connects. An answer counts only as a whole: with a single error in it, its data is not looked at.
"""

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography.hazmat.primitives import serialization

from hub.compass.model import Credentials
from hub.kernel.errors import (
    BodyTooLarge,
    HubError,
    Misconfigured,
    NotAuthenticated,
    UpstreamRefused,
    UpstreamUnavailable,
)
from hub.kernel.http.client import trust

_SHOWN = 300
_HEADERS = {"Accept": "application/json; charset=utf-8", "Content-Type": "application/json; charset=utf-8"}
_UNAUTHENTICATED = ("Failed to authenticate", "Unauthorized")


def context_of(ca_file: Path | None, credentials: Credentials | None, *, verify: bool) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's store and one file more, and presents the client certificate.

    Raises:
        Misconfigured: the file cannot be read, or the certificate is of no use.
    """
    try:
        context = trust(ca_file)
    except OSError as error:
        raise Misconfigured(f"HUB_COMPASS__CA_FILE {ca_file} cannot be read as PEM certificates.") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if credentials is not None:
            present(context, credentials)
    except (ValueError, ssl.SSLError) as error:
        raise Misconfigured("The stored certificate or its key cannot be used; pair with a new token.") from error
    return context


def present(context: ssl.SSLContext, credentials: Credentials) -> None:
    """Python's TLS takes keys from files only: it passes through one that is sealed with a password nobody keeps."""
    password = secrets.token_bytes(32)
    sealed = serialization.load_pem_private_key(credentials.key, password=None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    with tempfile.NamedTemporaryFile(prefix="hub-") as file:  # readable by its owner only
        file.write(sealed + credentials.chain)
        file.flush()
        context.load_cert_chain(file.name, password=password)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One GraphQL address, as one client calls it."""

    client: httpx.AsyncClient
    url: str
    limit_bytes: int
    timeout_seconds: float
    headers: Mapping[str, str] = field(repr=False)

    async def ask(self, document: str, variables: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Send a document; returns the data of an answer without any error.

        Raises:
            UpstreamUnavailable: no answer in time, or one that asks for patience.
            NotAuthenticated: the token or the certificate is not accepted.
            BodyTooLarge: the answer is larger than the limit.
            UpstreamRefused: anything else that is no good answer.
        """
        body = orjson.dumps({"query": document, "variables": variables})
        try:
            headers = _HEADERS | dict(self.headers)
            async with (
                asyncio.timeout(self.timeout_seconds),  # of the whole answer; the client's own is between two parts
                self.client.stream("POST", self.url, content=body, headers=headers) as reply,
            ):
                return self._data(reply.status_code, await self._read(reply))
        except (httpx.TimeoutException, TimeoutError) as error:
            raise UpstreamUnavailable(f"{self._host} does not answer in time.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(self._host, error) from error

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or "the address of Compass"

    async def _read(self, reply: httpx.Response) -> bytes:
        read = bytearray()
        async for part in reply.aiter_bytes():
            read += part
            if len(read) > self.limit_bytes:
                raise BodyTooLarge(
                    f"{self._host} answers with more than {self.limit_bytes} bytes (HUB_COMPASS__ANSWER_LIMIT_BYTES)."
                )
        return bytes(read)

    def _data(self, status: int, body: bytes) -> Mapping[str, Any]:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._refused(status, "its answer is not JSON") from error
        if not isinstance(answer, dict):
            raise self._refused(status, "its answer is no GraphQL answer")
        if answer.get("errors"):
            raise self._said(status, answer["errors"])
        data = answer.get("data")
        if status != 200 or not isinstance(data, dict):
            raise self._refused(status, "its answer has no data")
        return data

    def _said(self, status: int, errors: Any) -> HubError:
        """Return the refusal for errors in an answer; a token that was sent is not repeated in it."""
        first = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {}
        text = str(first.get("message") or "no reason given")
        for value in self.headers.values():
            text = text.replace(value, "***")
        extensions = first.get("extensions")
        code = extensions.get("error_code") if isinstance(extensions, dict) else None
        if code == 26 or text.startswith(_UNAUTHENTICATED):
            return NotAuthenticated(f"{self._host} does not accept the token or certificate: {text[:_SHOWN]}")
        return self._refused(status, f"{text[:_SHOWN]}" + (f" (code {code})" if code is not None else ""))

    def _refused(self, status: int, why: str) -> HubError:
        if status in (429, 502, 503, 504):
            return UpstreamUnavailable(f"{self._host} answers with status {status}: {why}.")
        return UpstreamRefused(f"{self._host} answers with status {status}: {why}.")


def _unreachable(host: str, error: Exception) -> HubError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return UpstreamUnavailable(
            f"The certificate of {host} is not trusted; name its authority in HUB_COMPASS__CA_FILE."
        )
    if any(word in text.lower() for word in ("alert", "tlsv1", "sslv3")):
        return NotAuthenticated(
            f"{host} does not accept the client certificate: it is revoked, expired or of another authority."
        )
    return UpstreamUnavailable(f"{host} does not answer ({text[:_SHOWN] or type(error).__name__}).")
