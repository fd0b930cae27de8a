"""How many client certificates the hub issues, and how long a solution waits for one.

A paired solution renews its certificate again and again, over mutual TLS, on connections that are kept: each request
is validated, its signing request (RSA 2048, as clients make them) is checked, a certificate is signed, and what was
done is announced and recorded. That every one of them was is counted afterwards on the bus. Besides: what it costs to
validate a request when the certificate was seen on the connection before.
"""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from nats.js import JetStreamContext

from contracts import subjects
from contracts.application.acceptance import accepted_subjects
from contracts.certificate.v1 import CertificateRenewed
from contracts.compass.authorities import Guests
from hub.bench import requests
from hub.bench.bench import Bench, Measured, complaints_of, measured_load
from hub.bench.driving import Line
from hub.bench.plan import Credentials, Plan
from hub.bench.scenarios.ingress import pair_solution
from hub.commands.connection.requesting import request_of
from hub.kernel.admittance import Admittance
from hub.kernel.clock import SystemClock
from hub.kernel.errors import UpstreamRefused
from hub.kernel.identity import Peer, caller_of
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import JSON, View

_SUBJECT = "O=Organization,OU=OrgUnit,L=Waldorf,ST=Waldorf,C=DE,CN={}"
_VALIDATIONS = 20_000
RENEWALS = "/v1/applications/certificates/renewals"


async def run(bench: Bench) -> Measured:
    """Renew, and count what was announced."""
    credentials = await pair_solution(bench)
    plan = await asyncio.to_thread(_plan, bench, credentials)
    result = await bench.load(plan)
    told = await announced(bench.session.js)
    return _measured(bench, result, told, await validation_microseconds(bench, credentials))


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


def _measured(bench: Bench, result: Line, told: int, validation: float) -> Measured:
    complaints = complaints_of(result)
    if not complaints and told != result["accepted"]:
        complaints = [f"{result['accepted']} certificates were issued, {told} were announced."]
    counts = {"issued": result["accepted"], "announced": told}
    return replace(
        measured_load(bench.options, result, "certificates issued", counts),
        complaints=complaints,
        unit="certificates",
        figures={"validating a request, certificate seen before": (validation, "µs")},
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


async def validation_microseconds(bench: Bench, credentials: Credentials) -> float:
    """Return what it costs to find out who calls and whether it may, with each request of a connection after the first.

    The very code of the listeners on the hub's own state, in this process: over HTTP it would drown in what else a
    request costs.
    """
    owners: View[Resource] = View(bench.session.js, subjects.APPLICATIONS, RESOURCES)
    revoked: View[object] = View(bench.session.js, subjects.REVOCATIONS, JSON)
    for view in (owners, revoked):
        view.start()
        await view.ready()
    try:
        admittance = Admittance(owners, revoked, accepted_subjects, SystemClock(), Guests().is_stranger)
        pem = await asyncio.to_thread(Path(credentials.certificate).read_bytes)
        peer = Peer(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
        return _microseconds(admittance, peer)
    finally:
        await asyncio.gather(owners.stop(), revoked.stop())


def _microseconds(admittance: Admittance, peer: Peer) -> float:
    headers = [(f"header-{number}".encode(), b"value") for number in range(8)]
    admittance.admit(caller_of(peer, headers), requests.APPLICATION)
    began = time.perf_counter_ns()
    for _ in range(_VALIDATIONS):
        admittance.admit(caller_of(peer, headers), requests.APPLICATION)
    return (time.perf_counter_ns() - began) / _VALIDATIONS / 1000
