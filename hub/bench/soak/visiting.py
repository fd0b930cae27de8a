"""The connected solution that comes and goes: each day it pairs, registers, posts, and revokes its own certificate.

Everything over mutual TLS at the edge, on connections of its own.
"""

import ssl
import time
from pathlib import Path

import httpx

from hub.bench.requests import SENT, TYPE, data_of
from hub.commands.connection.pairing import pair
from hub.kernel.errors import UpstreamRefused

NAME = "visitor"
EVENTS = 20
"""Events that it posts a day."""
_SERVICE = {
    "provider": "bench",
    "name": "Orders",
    "description": "Orders",
    "api": {
        "targetUrl": "http://bench.test",
        "spec": {"openapi": "3.0.3", "info": {"title": "Orders", "version": "1"}, "paths": {}},
        "credentials": {"basic": {"username": "bench", "password": "bench"}},
    },
    "events": {
        "spec": {
            "asyncapi": "2.6.0",
            "info": {"title": "Orders", "version": "1"},
            "channels": {TYPE: {"subscribe": {"message": {"payload": {"type": "object"}}}}},
        }
    },
}


def visit(url: str, folder: Path, authority: Path, day: int, accepted: set[int]) -> None:
    """Come, do a day's work, and go.

    Args:
        url: where to pair.
        folder: of the files of the connection.
        authority: certificate of the hub's authority.
        day: counted from 0; the numbers of the events follow from it.
        accepted: the numbers of what is answered 204 are added to it.

    Raises:
        UpstreamRefused: something was answered otherwise than it should be.
    """
    paired = pair(url, folder, ca=authority, force=True)
    context = ssl.create_default_context(cafile=paired["ca"])
    context.load_cert_chain(paired["certificate"], paired["key"])
    with httpx.Client(verify=context, timeout=30, trust_env=False) as client:
        registered = _expect(client.post(paired["metadataUrl"], json=_SERVICE), 200)
        events = paired["eventsUrl"].replace("/v1/events", "/events")
        for number in range(day * EVENTS, (day + 1) * EVENTS):
            _expect(client.post(events, content=data_of(256), headers=_headers(number)), 204)
            accepted.add(number)
        _expect(client.delete(f"{paired['metadataUrl']}/{registered.json()['id']}"), 204)
        _expect(client.post(paired["revokeCertUrl"]), 201)
        _expect(client.post(events, content=data_of(256), headers=_headers(day * EVENTS)), 403)


def _headers(number: int) -> dict[str, str]:
    attributes = {"specversion": "1.0", "id": f"day-{number:016d}", "source": NAME, "type": TYPE}
    named = {f"ce-{name}": value for name, value in attributes.items()}
    return named | {f"ce-{SENT}": str(time.monotonic_ns()), "Content-Type": "application/json"}


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        said = f"{answer.request.method} {answer.request.url.path} was answered {answer.status_code}, not {status}"
        raise UpstreamRefused(f"The soak's visitor: {said}: {answer.text[:200]}")
    return answer
