"""A Compass to synchronize with, a process of its own: `python -m hub.bench.director NUMBER`; it says its address.

Connector and Director on one plain HTTP port of this machine, as much of them as a Runtime needs: a configuration, a
certificate, and the applications of its formations, which are always the same unless a line on standard input says
which one changes. Like the load it must cost little: each application is encoded once.
"""

import asyncio
import base64
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.bench.answering import Answering, json_response
from hub.bench.load import say
from hub.connector import authority
from hub.connector.model import Subject
from hub.connector.signing import sign

Node = dict[str, Any]
RUNTIME = "bench-runtime"
APIS = EVENTS = 5
"""Definitions of each kind in the one bundle of an application."""
_OPERATION = re.compile(rb"(?:query|mutation) (\w+)")
_OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "Orders", "version": "1"},
    "paths": {f"/orders/{n}": {"get": {"responses": {"200": {"description": "OK"}}}} for n in range(10)},
}
_SUBJECT = Subject("Organization", "OrgUnit", "Waldorf", "Waldorf", "DE", RUNTIME)


def name_of(number: int) -> str:
    """Return the name of an application, which is also its id."""
    return f"solution-{number:05d}"


def page(data: list[Any], total: int, cursor: str = "") -> Node:
    """Return one page of a list."""
    return {"data": data, "pageInfo": {"endCursor": cursor, "hasNextPage": bool(cursor)}, "totalCount": total}


def application(number: int, version: int) -> Node:
    """Return an application with everything that a Runtime reads; its version shows in each of its APIs."""
    name = name_of(number)
    apis = [_definition(f"{name}-api-{n}", "OPEN_API", _OPENAPI, target=version) for n in range(APIS)]
    events = [_definition(f"{name}-events-{n}", "ASYNC_API", _asyncapi(n)) for n in range(EVENTS)]
    credential = {"__typename": "BasicCredentialData", "username": "bench", "password": "bench"}
    bundle = {
        "id": f"{name}-bundle",
        "name": "orders",
        "description": "",
        "instanceAuthRequestInputSchema": None,
        "defaultInstanceAuth": {"credential": credential},
        "apiDefinitions": page(apis, APIS),
        "eventDefinitions": page(events, EVENTS),
    }
    return {"id": name, "name": name, "description": "", "auths": [], "bundles": page([bundle], 1)}


def target_of(version: int) -> str:
    """Return the address of the APIs of an application."""
    return f"http://bench.test/v{version}"


def _definition(name: str, kind: str, document: Node, target: int | None = None) -> Node:
    spec = {"data": orjson.dumps(document).decode(), "format": "JSON", "type": kind}
    return {"id": name, "name": name, "spec": spec} | ({} if target is None else {"targetURL": target_of(target)})


def _asyncapi(number: int) -> Node:
    info = {"title": "Orders", "version": "1"}
    return {"asyncapi": "2.6.0", "info": info, "channels": {f"order.type{number}.v1": {}}}


class Director:
    """What it knows, and its answers."""

    def __init__(self, applications: int) -> None:
        """Make the applications."""
        self._encoded = [orjson.Fragment(orjson.dumps(application(number, 1))) for number in range(applications)]
        self._versions = [1] * applications
        self._labels: Node = {}
        self._authority = authority.create("ecdsa-p256", now=datetime.now(UTC), days=30)
        self.address = ""

    def change(self, number: int) -> None:
        """Give an application another version."""
        self._versions[number] += 1
        self._encoded[number] = orjson.Fragment(orjson.dumps(application(number, self._versions[number])))

    def answer(self, body: bytes) -> bytes:
        """Answer a document."""
        asked = orjson.loads(body)
        found = _OPERATION.match(asked["query"].encode())
        operation = found.group(1).decode().lower() if found else ""
        return orjson.dumps({"data": getattr(self, f"_{operation}")(asked.get("variables") or {})})

    def _configuration(self, _given: Mapping[str, Any]) -> Node:
        subject = f"O=Organization,OU=OrgUnit,L=Waldorf,ST=Waldorf,C=DE,CN={RUNTIME}"
        return {
            "configuration": {
                "token": {"token": "second"},
                "certificateSigningRequestInfo": {"subject": subject, "keyAlgorithm": "rsa2048"},
                "managementPlaneInfo": {
                    "directorURL": self.address,
                    "certificateSecuredConnectorURL": self.address,
                },
            }
        }

    def _sign(self, given: Mapping[str, Any]) -> Node:
        issued = sign(self._authority, given["csr"], _SUBJECT, now=datetime.now(UTC), days=7)
        parts = {
            "certificateChain": issued.certificate + issued.authority_certificate,
            "caCertificate": issued.authority_certificate,
            "clientCertificate": issued.certificate,
        }
        encoded = {name: base64.b64encode(pem).decode() for name, pem in parts.items()}
        return {"signCertificateSigningRequest": encoded}

    def _listing(self, given: Mapping[str, Any]) -> Node:
        names = [{"id": name_of(number), "name": name_of(number)} for number in range(len(self._encoded))]
        return {"runtime": {"labels": self._labels}, "applicationsForRuntime": _part_of(names, given)}

    def _applications(self, given: Mapping[str, Any]) -> Node:
        return {"applicationsForRuntime": _part_of(self._encoded, given)}

    def _setlabel(self, given: Mapping[str, Any]) -> Node:
        self._labels[given["key"]] = given["value"]
        return {"setRuntimeLabel": {"key": given["key"], "value": given["value"]}}


def _part_of(items: list[Any], given: Mapping[str, Any]) -> Node:
    """Return the page that is asked for; a cursor is the number of the first item after it."""
    begin = int(given.get("after") or 0)
    end = begin + int(given["first"])
    return page(items[begin:end], len(items), str(end) if end < len(items) else "")


async def serve(applications: int) -> int:
    """Serve until the parent ends; each line on standard input is the number of an application that changes."""
    director, loop = Director(applications), asyncio.get_running_loop()

    def answer(_head: bytes, body: bytes) -> bytes:
        return json_response(director.answer(body))

    server = await loop.create_server(lambda: Answering(answer), "127.0.0.1", 0)
    director.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql"

    def heard() -> None:
        told = os.read(0, 4096)
        if not told:
            os._exit(1)
        for line in told.split():
            director.change(int(line))

    loop.add_reader(0, heard)
    say({"address": director.address})
    await server.serve_forever()
    return 0


def main() -> int:
    """Serve as many applications as the command line says; return the exit status."""
    from hub.bench.loops import run

    return run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
