"""OAuth 2.0 client credentials: the request for a token and what its answer says. Pure.

Source: kyma-project/kyma:components/central-application-gateway/internal/authorization/oauth@2.20.0; RFC 8705 for the
form with a client certificate, which sends no secret.
"""

import base64
from urllib.parse import urlencode

import orjson

from hub.gateway.addressing import query_at_target
from hub.gateway.model import OAuth
from hub.gateway.rewriting import Headers, head_of, is_clean
from hub.kernel.errors import UpstreamRefused

MARGIN_SECONDS = 2.0
"""Upstream's: a token is not used in the last seconds of its life."""
_LONGEST_SECONDS = 24 * 3600.0
_AHEAD_SHARE = 0.1
_AHEAD_SECONDS = 30.0


def basic(user: str, password: str) -> bytes:
    """Return the value of `Authorization` for user name and password."""
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def token_request(oauth: OAuth) -> bytes:
    """Return the request for a token as it goes over the wire."""
    form = {"client_id": oauth.client_id, "grant_type": "client_credentials"}
    headers: Headers = [
        (b"content-type", b"application/x-www-form-urlencoded"), (b"accept", b"application/json"),
    ]  # fmt: skip
    if oauth.key_pair is None:
        form["client_secret"] = oauth.client_secret
        headers.append((b"authorization", basic(oauth.client_id, oauth.client_secret)))
    body = urlencode(form).encode()
    headers.append((b"content-length", str(len(body)).encode()))
    sent = {name for name, _ in headers} | {b"host"}
    headers += [pair for pair in oauth.parameters.headers if pair[0] not in sent]
    url = oauth.token_url
    query = query_at_target(url.query, b"", oauth.parameters.query)
    target = (url.path or b"/") + (b"?" + query if query else b"")
    return head_of(b"POST", target, url.place.authority, headers) + body


def token_of(status: int, body: bytes) -> tuple[str, float | None]:
    """Return the token and the seconds it is valid; None when its issuer does not say.

    Raises:
        UpstreamRefused: the answer holds no token; the text never quotes it.
    """
    if status != 200:
        raise UpstreamRefused(f"the token endpoint answered {status}")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused("the token endpoint answered 200 with something that is not JSON") from error
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token or not is_clean(token.encode()):
        raise UpstreamRefused("the token endpoint answered 200 without an access_token")
    return token, _seconds(answer.get("expires_in"))


def _seconds(value: object) -> float | None:
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except ValueError:
        return None
    return min(seconds, _LONGEST_SECONDS) if seconds > 0 else None


def lifetime(said_seconds: float | None, default_seconds: float) -> tuple[float, float]:
    """Return how many seconds a token is used, and after how many a new one is fetched in the background."""
    valid = default_seconds if said_seconds is None else max(0.0, said_seconds - MARGIN_SECONDS)
    return valid, valid - min(_AHEAD_SECONDS, valid * _AHEAD_SHARE)
