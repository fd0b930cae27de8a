"""The hub's authority and the edge's certificate: in force, trusted by clients, not about to end."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from hub.commands.checkup.finding import Finding, fail, ok, warn

_SOON = timedelta(days=30)
_PROBE_SECONDS = 5.0


def check_authority(path: Path, now: datetime) -> Finding:
    """Look at the authority's certificate, as solutions get it."""
    from cryptography import x509

    name = "authority"
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return warn(name, f"{path} is not there", "it is made by the first start of the edge process")
    except (OSError, ValueError) as error:
        return fail(name, f"{path} cannot be read: {error}", "restart the edge process; it writes the file anew")
    return judge_times(name, found.not_valid_before_utc, found.not_valid_after_utc, now)


def judge_times(name: str, begins: datetime, ends: datetime, now: datetime) -> Finding:
    """Judge the time in which a certificate is in force; a short one is about to end in the last tenth of it."""
    if now < begins:
        return fail(name, f"not in force before {begins:%Y-%m-%d %H:%M} UTC", "set this machine's clock")
    if now >= ends:
        return fail(name, f"ended {ends:%Y-%m-%d %H:%M} UTC", "restart the edge process; if it stays, pair anew")
    left = ends - now
    if left < min(_SOON, (ends - begins) / 10):
        return warn(name, f"ends {ends:%Y-%m-%d %H:%M} UTC", "it should have been renewed; see the edge's log")
    return ok(name, f"in force until {ends:%Y-%m-%d}")


def check_edge(address: str, authority: Path, now: datetime) -> Finding:
    """Look at the edge as a solution does: a TLS handshake that trusts the authority, for the name in the address."""
    from cryptography import x509

    name, parts = "edge certificate", urlsplit(address)
    host, port = parts.hostname or "localhost", parts.port or 443
    try:
        context = ssl.create_default_context(cafile=str(authority))
        with (
            socket.create_connection((host, port), timeout=_PROBE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            raw = secured.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError as error:
        advice = "add the name to HUB_EDGE__HOSTNAMES, or restart the edge process"
        return fail(name, f"{host} is not trusted: {error.verify_message}", advice)
    except (OSError, ssl.SSLError) as error:
        return fail(name, f"{address} makes no TLS connection ({error})", "see the log of the edge process")
    found = x509.load_der_x509_certificate(raw)
    return judge_times(name, found.not_valid_before_utc, found.not_valid_after_utc, now)


def judge_clock(now: datetime, theirs: datetime | None) -> Finding:
    """Judge this machine's clock by the event store's, where that tells its own."""
    name = "clock"
    if theirs is None:
        return ok(name, f"{now:%Y-%m-%d %H:%M:%S} UTC")
    apart = abs((now - theirs).total_seconds())
    if apart > 30:
        return fail(name, f"{apart:.0f} s apart from the event store", "set both clocks by NTP: ages and tokens fail")
    if apart > 2:
        return warn(name, f"{apart:.1f} s apart from the event store", "set both clocks by NTP")
    return ok(name, f"{now:%Y-%m-%d %H:%M:%S} UTC, as the event store's")


def now_utc() -> datetime:
    """Return the current moment."""
    return datetime.now(UTC)
