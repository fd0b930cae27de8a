"""Renewing: the next certificate for the same key, in time and again.

A certificate is renewed when a third of its life is left. What fails is tried again with growing pauses while the old
one is good; only a refusal that no repetition changes ends the keeping.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509

from hub.commands.connection import folder as files
from hub.commands.connection.calling import Caller, caller, pem_at, text_at
from hub.commands.connection.pairing import endpoints_of
from hub.commands.connection.requesting import request_of
from hub.connector.authority import SKEW
from hub.kernel.backoff import Backoff
from hub.kernel.clock import rfc3339
from hub.kernel.errors import HubError, NotPermitted, UpstreamUnavailable

_BACKOFF = Backoff(policy="exponential", initial_seconds=1.0, max_seconds=300.0, jitter=0.2)
_LONGEST_SLEEP_SECONDS = 3600.0
"""A machine that slept, or whose clock was set, looks again after an hour at the latest."""
_SHORTEST_SLEEP_SECONDS = 0.2


def renew(directory: Path) -> dict[str, Any]:
    """Exchange the certificate in a directory for a new one; returns the addresses and the new end.

    Raises:
        NotFound, InvalidInput: the directory holds no pairing.
        NotPermitted: the certificate is revoked.
        UpstreamUnavailable, UpstreamRefused: the hub does not answer, is not trusted, or answers something else. An
            expired certificate does not get as far as an answer.
    """
    folder = directory.resolve()
    endpoints = files.read_endpoints(folder)
    hub = _with_certificate(folder)
    url = text_at(endpoints, "infoUrl")
    known = hub.call("GET", url, 200)
    subject = text_at(known, "certificate", "subject")
    request = request_of(files.read(folder / "key.pem"), subject)
    answered = hub.call("POST", text_at(known, "urls", "renewCertUrl"), 201, {"csr": request})
    # Whom to trust is written first: it serves the certificate before and the one after.
    held = files.read(folder / "ca.pem")
    files.write(folder / "ca.pem", files.merged(pem_at(answered, "caCrt"), held))
    files.write(folder / "certificate.pem", pem_at(answered, "crt"))
    endpoints = {**endpoints, **endpoints_of(known, url, folder), "subject": subject}
    files.write_endpoints(folder, endpoints)
    _begins, ends = life_of(folder)
    return {"directory": str(folder), **endpoints, "notAfter": rfc3339(ends)}


def keep(directory: Path, say: Callable[[str], None]) -> NoReturn:
    """Renew the certificate in a directory again and again, each time before it ends; an interrupt ends it.

    Args:
        directory: of a pairing.
        say: told in one line what happened.

    Raises:
        NotFound: the directory holds no pairing.
        NotPermitted: the hub refuses the certificate, or it has ended.
    """
    failures = 0
    while True:
        begins, ends = life_of(directory)
        if ends <= datetime.now(UTC):
            raise NotPermitted(f"The certificate in {directory} ended {rfc3339(ends)}; pair again with --force.")
        if not due(begins, ends, datetime.now(UTC)):
            time.sleep(pause_before(begins, ends, datetime.now(UTC)))
            continue
        try:
            say(f"Renewed; good until {renew(directory)['notAfter']}.")
            failures = 0
        except NotPermitted:
            raise
        except HubError as error:
            failures += 1
            say(f"Not renewed yet: {error.detail}")
            time.sleep(_BACKOFF.wait(failures, random.random()))  # noqa: S311 - spreads machines, guards nothing


def due(begins: datetime, ends: datetime, now: datetime) -> bool:
    """Return whether a third of a certificate's life, or less, is left."""
    return ends - now <= (ends - begins) / 3


def pause_before(begins: datetime, ends: datetime, now: datetime) -> float:
    """Return how many seconds to wait before looking at a certificate again."""
    left = (ends - now - (ends - begins) / 3).total_seconds()
    return min(max(left, _SHORTEST_SLEEP_SECONDS), _LONGEST_SLEEP_SECONDS)


def life_of(directory: Path) -> tuple[datetime, datetime]:
    """Return when the certificate in a directory was issued, and when it ends.

    Raises:
        NotFound: there is none.
        UpstreamUnavailable: it cannot be read.
    """
    try:
        certificate = x509.load_pem_x509_certificate(files.read(directory / "certificate.pem"))
    except ValueError as error:
        raise UpstreamUnavailable(f"{directory / 'certificate.pem'} is no certificate; pair again.") from error
    ends = certificate.not_valid_after_utc
    # The hub dates certificates back a little, for solutions whose clocks are behind.
    return min(certificate.not_valid_before_utc + SKEW, ends - timedelta(seconds=1)), ends


def _with_certificate(folder: Path) -> Caller:
    hub = caller(folder / "ca.pem")
    files.read(folder / "key.pem")
    files.read(folder / "certificate.pem")
    try:
        hub.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    except OSError as error:
        raise UpstreamUnavailable(f"Key and certificate in {folder} do not fit together; pair again.") from error
    return hub
