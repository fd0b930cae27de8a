"""From an entry and the values of its Secrets to an API that can be called. Pure.

What cannot work is refused with 500 and the name of what is missing. Upstream takes a missing value for an empty one
and calls without authentication when it does not know the method; both hide a mistake, neither is copied.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from hub.gateway.addressing import parse_url
from hub.gateway.model import Api, ApiKey, Basic, Credentials, KeyPair, Names, OAuth, Parameters, Tls
from hub.gateway.options import Options
from hub.gateway.rewriting import is_clean
from hub.gateway.standing import standing_proof
from hub.kernel.errors import Misconfigured

Values = Mapping[str, str]
Secrets = Callable[[str], Values]
"""Name of a Secret → its values; raises Misconfigured when it is missing."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-zA-Z-]+")
NO_VALUES: Values = {}


def api_of(names: Names, spec: Mapping[str, Any], entry: Mapping[str, Any], secrets: Secrets, options: Options) -> Api:
    """Return an API with everything a call of it needs.

    Args:
        names: under which it is called.
        spec: of the Application.
        entry: of the Service.
        secrets: finds Secrets.
        options: what the Application says beyond its spec.

    Raises:
        Misconfigured: something is missing or cannot work; the text names it, never its value.
    """
    try:
        credentials = entry.get("credentials") or {}
        method = credentials_of(credentials, secrets)
        csrf = (credentials.get("csrfInfo") or {}).get("tokenEndpointURL")
        parameters = entry.get("requestParametersSecretName")
        authority = need(secrets(options.authority_secret), "ca.crt", options.authority_secret) if (
            options.authority_secret
        ) else ""  # fmt: skip
        return Api(
            names=names,
            url=parse_url(entry.get("targetUrl") or "", "target URL"),
            credentials=method,
            csrf_url=parse_url(csrf, "CSRF token URL") if csrf else None,
            parameters=parameters_of(secrets(parameters)) if parameters else Parameters(),
            encode_path=spec.get("encodeUrl", True),
            tls=Tls(not spec.get("skipVerify", False), authority),
            timeout_seconds=options.timeout_seconds,
            proof=standing_proof(method),
        )
    except Misconfigured as error:
        raise error.within(f"failed to read API for {names.service} service") from error


def credentials_of(credentials: Mapping[str, Any], secrets: Secrets) -> Credentials | None:
    """Return how the gateway authenticates; None when nothing is registered.

    Raises:
        Misconfigured: the method is not known, or a value is missing.
    """
    if not credentials:
        return None
    kind, secret = str(credentials.get("type") or ""), str(credentials.get("secretName") or "")
    make = METHODS.get(kind)
    if make is None:
        raise Misconfigured(f"the credentials have the type '{kind}'; there are {', '.join(METHODS)}")
    return make(credentials, secrets(secret), secret)


def need(values: Values, key: str, secret: str) -> str:
    """Return a value.

    Raises:
        Misconfigured: it is missing, or cannot go over the wire.
    """
    value = values.get(key)
    if not value:
        raise Misconfigured(f"the Secret {secret} has no value '{key}'")
    if key not in _PEM and not is_clean(value.encode()):
        raise Misconfigured(f"the value '{key}' of the Secret {secret} holds a line break")
    return value


_PEM = ("crt", "key", "ca.crt")


def _basic(_entry: Mapping[str, Any], values: Values, secret: str) -> Basic:
    need(values, "username", secret)
    if "password" not in values:
        raise Misconfigured(f"the Secret {secret} has no value 'password'")
    return Basic(values["username"], values["password"])


def _oauth(entry: Mapping[str, Any], values: Values, secret: str) -> OAuth:
    return OAuth(
        _token_url(entry), need(values, "clientId", secret), need(values, "clientSecret", secret),
        parameters=parameters_of(values),
    )  # fmt: skip


def _oauth_with_certificate(entry: Mapping[str, Any], values: Values, secret: str) -> OAuth:
    return OAuth(
        _token_url(entry), need(values, "clientId", secret), key_pair=_key_pair(entry, values, secret),
        parameters=parameters_of(values),
    )  # fmt: skip


def _key_pair(_entry: Mapping[str, Any], values: Values, secret: str) -> KeyPair:
    return KeyPair(need(values, "crt", secret), need(values, "key", secret))


def _api_key(_entry: Mapping[str, Any], values: Values, secret: str) -> ApiKey:
    name, value, place = need(values, "name", secret), need(values, "value", secret), values.get("in", "header")
    if place == "query":
        return ApiKey(name, value, "query")
    if place != "header" or not _TOKEN.fullmatch(name.encode()):
        raise Misconfigured(
            f"the Secret {secret} must say 'in': header or query, and 'name': that of a header or query"
        )
    return ApiKey(name, value)


METHODS: dict[str, Callable[[Mapping[str, Any], Values, str], Credentials]] = {
    "Basic": _basic,
    "OAuth": _oauth,
    "OAuthWithCert": _oauth_with_certificate,
    "CertificateGen": _key_pair,
    "ApiKey": _api_key,
}
"""Type of credentials → how they are read."""


def _token_url(entry: Mapping[str, Any]) -> Any:
    return parse_url(str(entry.get("authenticationUrl") or ""), "token URL")


def parameters_of(values: Values) -> Parameters:
    """Return the request parameters in the values of a Secret.

    Raises:
        Misconfigured: they are not JSON of the right form, or cannot go over the wire.
    """
    headers = [(name.lower(), value) for name, value in _pairs(values, "headers")]
    if not all(_TOKEN.fullmatch(name) and is_clean(value) for name, value in headers):
        raise Misconfigured("the request parameters hold a header that cannot be sent")
    return Parameters(tuple(headers), tuple(_pairs(values, "queryParameters")))


def _pairs(values: Values, key: str) -> list[tuple[bytes, bytes]]:
    text = values.get(key)
    if not text:
        return []
    try:
        lists = orjson.loads(text) or {}
        return [(str(name).encode(), _text(item)) for name, items in lists.items() for item in items]
    except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
        raise Misconfigured(f"the request parameters' '{key}' must be a JSON object of lists of strings") from error


def _text(item: Any) -> bytes:
    if not isinstance(item, str):
        raise TypeError
    return item.encode()
