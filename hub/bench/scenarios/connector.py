"""How many client certificates the hub issues, and how long a solution waits for one.

A paired solution renews its certificate again and again, over mutual TLS, on connections that are kept: each request
is validated, its signing request (RSA 2048, as clients make them) is checked, a certificate is signed, and what was
done is announced and recorded. That every one of them was is counted afterwards on the bus.
"""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from nats.js import JetStreamContext

from contracts import subjects
from contracts.certificate.v1 import CertificateRenewed
from hub.bench import requests
from hub.bench.bench import Bench, Measured, complaints_of
from hub.bench.driving import Line
from hub.bench.plan import Credentials, Plan
from hub.bench.scenarios.ingress import pair_solution
from hub.commands.connection.requesting import request_of
from hub.kernel.errors import UpstreamRefused

_SUBJECT = "O=Organization,OU=OrgUnit,L=Waldorf,ST=Waldorf,C=DE,CN={}"
RENEWALS = "/v1/applications/certificates/renewals"


async def run(bench: Bench) -> Measured:
    """Renew, and count what was announced."""
    credentials = await pair_solution(bench)
    plan = await asyncio.to_thread(_plan, bench, credentials)
    result = await bench.load(plan)
    return _measured(bench, result, await announced(bench.session.js))


def _plan(bench: Bench, credentials: Credentials) -> Plan:
    url = urlsplit(bench.stage.hub.listeners["edge"])
    host, port = url.hostname or "", url.port or 0
    encoded = request_of(Path(credentials.key).read_bytes(), _SUBJECT.format(requests.APPLICATION))
    return Plan(
        host=host,
        port=port,
        template=requests.signing(RENEWALS, f"{host}:{port}", encoded).decode("latin-1"),
        events=1,
        stamped=False,
        connections=bench.options.connections,
        seconds=bench.options.seconds,
        warm_up=bench.options.warm_up,
        rate=bench.options.rate,
        credentials=credentials,
    )


def _measured(bench: Bench, result: Line, told: int) -> Measured:
    complaints = complaints_of(result)
    if not complaints and told != result["accepted"]:
        complaints = [f"{result['accepted']} certificates were issued, {told} were announced."]
    return Measured(
        what="certificates issued",
        throughput=result["measured"] / result["seconds"] if result["seconds"] else 0.0,
        latency=result["latency"],
        latency_of="request due → answer read" if bench.options.rate else "request sent → answer read",
        counts={"issued": result["accepted"], "announced": told},
        statuses=result["statuses"],
        measured=result["measured"],
        complaints=complaints,
        seconds=result["seconds"],
        unit="certificates",
    )


async def announced(js: JetStreamContext) -> int:
    """Return how many renewals the other rooms have been told of.

    Raises:
        UpstreamRefused: the event store does not count them.
    """
    info = await js.stream_info(subjects.HUB, subjects_filter=CertificateRenewed.contract_type)
    if info.state.subjects is None:
        raise UpstreamRefused("The event store does not count the announcements; is it older than 2.10?")
    return sum(info.state.subjects.values())
