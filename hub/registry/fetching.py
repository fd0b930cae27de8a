"""Fetches specifications from the addresses that solutions name. Not pure: it speaks HTTP.

The address is judged at every hop and the connection goes to the judged one; time and size are bounded. Redirects are
followed by hand, and credentials stay with the host they were given for.

Source: `kyma-project/kyma:components/application-registry/internal/metadata/specification/download@1.24.0`.
"""

import asyncio
import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import orjson

from hub.kernel.egress import EgressRule
from hub.kernel.errors import UpstreamRefused, UpstreamUnavailable
from hub.kernel.http.client import control_client
from hub.registry.model import Basic, Credentials, OAuth, RequestParameters

_REDIRECTS = 5
_REDIRECT_STATUSES = (301, 302, 303, 307, 308)
Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may cost."""

    seconds: float
    size_bytes: int


class Fetcher:
    """Fetches documents within limits, from allowed addresses only."""

    def __init__(self, rule: EgressRule, limits: Limits) -> None:
        """Create the fetcher; it connects to nothing before the first fetch."""
        self._rule = rule
        self._limits = limits
        self._client: httpx.AsyncClient | None = None

    async def fetch(
        self, url: str, credentials: Credentials | None = None, parameters: RequestParameters | None = None
    ) -> bytes:
        """Return the document at an address.

        Raises:
            UpstreamRefused: the address is not allowed, or the answer is not 200.
            UpstreamUnavailable: no answer in time, or one that is too large.
        """
        try:
            async with asyncio.timeout(self._limits.seconds):
                headers = await self._authorization(credentials)
                target = with_parameters(httpx.URL(_with_scheme(url)), parameters)
                return await self._follow(target, headers + added_headers(headers, parameters))
        except TimeoutError as error:
            raise UpstreamUnavailable(
                f"{_shown(url)} did not answer within {self._limits.seconds:g} seconds."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UpstreamUnavailable(f"{_shown(url)} cannot be fetched: {type(error).__name__}.") from error

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.aclose()

    async def _authorization(self, credentials: Credentials | None) -> list[Header]:
        match credentials.method if credentials else None:
            case Basic() as basic:
                return [("Authorization", _basic_header(basic.username, basic.password))]
            case OAuth() as oauth:
                return [("Authorization", f"Bearer {await self._token(oauth)}")]
        return []

    async def _token(self, oauth: OAuth) -> str:
        form = {
            "client_id": oauth.client_id,
            "client_secret": oauth.client_secret,
            "grant_type": "client_credentials",
        }
        url = httpx.URL(_with_scheme(oauth.url))
        body = str(httpx.QueryParams(form)).encode()
        authorization = ("Authorization", _basic_header(oauth.client_id, oauth.client_secret))
        headers = [authorization, ("Content-Type", "application/x-www-form-urlencoded")]
        status, _, answer = await self._send("POST", url, headers, body)
        token = _member(answer, "access_token") if status == 200 else None
        if not token:
            raise UpstreamRefused(f"{_shown(str(url))} gave no token; it answered {status}.")
        return token

    async def _follow(self, url: httpx.URL, headers: list[Header]) -> bytes:
        for _ in range(_REDIRECTS + 1):
            status, location, body = await self._send("GET", url, headers)
            if status == 200:
                return body
            if status not in _REDIRECT_STATUSES or not location:
                raise UpstreamRefused(f"{_shown(str(url))} answered {status}; a specification must come with 200.")
            target = url.join(location)
            if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
                headers = []
            url = target
        raise UpstreamRefused(f"{_shown(str(url))} redirects more than {_REDIRECTS} times.")

    async def _send(
        self, method: str, url: httpx.URL, headers: list[Header], body: bytes = b""
    ) -> tuple[int, str, bytes]:
        """Send one request to a judged address; returns status, location and body."""
        if url.scheme not in ("http", "https") or not url.host:
            raise UpstreamRefused(f"{_shown(str(url))} is not an http or https address.")
        address = await self._judged(url)
        client = self._client = self._client or control_client(timeout_seconds=self._limits.seconds)
        # Connections are not kept: a kept one to the same address could belong to another host name.
        client.cookies.clear()
        request = client.build_request(
            method,
            url.copy_with(host=address, userinfo=b""),
            headers=[("Host", url.netloc.decode()), ("Connection", "close"), *headers],
            content=body,
            extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(self._limits.seconds).as_dict()},
        )
        response = await client.send(request, stream=True)
        try:
            return response.status_code, response.headers.get("location", ""), await self._read(response, url)
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response, url: httpx.URL) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self._limits.size_bytes:
                limit = self._limits.size_bytes
                raise UpstreamUnavailable(f"{_shown(str(url))} sends more than {limit} bytes.", limit=limit)
            chunks.append(chunk)
        return b"".join(chunks)

    async def _judged(self, url: httpx.URL) -> str:
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(self._rule.allows(address) for address in addresses):
            raise UpstreamRefused(
                f"{_shown(str(url))} leads to an address that specifications may not be fetched from; see"
                " HUB_REGISTRY__SPEC_PRIVATE_ADDRESSES and HUB_REGISTRY__SPEC_LOOPBACK."
            )
        return addresses[0]


def with_parameters(url: httpx.URL, parameters: RequestParameters | None) -> httpx.URL:
    """Return an address with the query parameters it does not have yet."""
    for name, values in _lists(parameters.query_parameters if parameters else None).items():
        if name not in url.params:
            for value in values:
                url = url.copy_add_param(name, value)
    return url


def added_headers(present: list[Header], parameters: RequestParameters | None) -> list[Header]:
    """Return the custom headers that are not there yet."""
    known = {name.lower() for name, _ in present} | {"host", "connection", "content-length"}
    lists = _lists(parameters.headers if parameters else None)
    return [(name, value) for name, values in lists.items() if name.lower() not in known for value in values]


def _lists(lists: Mapping[str, object] | None) -> dict[str, list[str]]:
    return {name: list(values) for name, values in (lists or {}).items() if isinstance(values, list | tuple)}


def _basic_header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _shown(url: str) -> str:
    """Return an address without user information, query and fragment, which may hold secrets."""
    return _with_scheme(url).split("?")[0].split("#")[0].split("@")[-1][:200]


def _member(answer: bytes, name: str) -> str | None:
    try:
        value = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
