"""One-time tokens as the Director hands them out, and the form it suggests to an application's client."""

import base64
from urllib.parse import urlsplit

from tests.doubles.compass.world import Application, Node, Refused, Runtime, World, internal, raw_of

_LEGACY_PATH = "/v1/applications/signingRequests/info"


def issue(world: World, kind: str, owner: Application | Runtime, auth_id: str | None) -> str:
    """Return a token: on a system auth of the owner that is there, or on a new one."""
    if auth_id is None:
        return world.token_for(kind, owner.id, owner.tenant)
    auth = world.auths.get(auth_id)
    if auth is None or auth.object_id != owner.id:
        raise Refused(f"Object not found [ID={auth_id}; object=systemAuth]", "NotFound", 20)
    return world.next_token(auth)


def shown(token: str, connector_url: str) -> Node:
    """Return a token with the text that people paste."""
    raw = raw_of(token, connector_url)
    encoded = base64.b64encode(raw.encode()).decode()
    return {"token": token, "connectorURL": connector_url, "used": False, "raw": raw, "rawEncoded": encoded}


def shown_to_solution(token: str, application: Application, connector_url: str, *, suggested: bool) -> Node:
    """Return a token of an application; suggested, in place of the token what its client can use."""
    parts = urlsplit(connector_url)
    legacy = legacy_url(f"{parts.scheme}://{parts.netloc}{_LEGACY_PATH}", token)
    answer = shown(token, connector_url) | {"legacyConnectorURL": legacy}
    if not suggested or application.integration_system:
        return answer
    is_legacy = application.labels.get("legacy") in (True, "true")
    return answer | {"token": legacy if is_legacy else answer["rawEncoded"]}


def legacy_url(base: str, token: str) -> str:
    """Return the address that clients from before the Connector pair at."""
    parts = urlsplit(base)
    if not parts.scheme or not parts.netloc:
        raise internal(f"parse {base}: it is no address")
    return f"{base}{'&' if parts.query else '?'}token={token}"
