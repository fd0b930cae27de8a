"""PURE. The authorities over time: which one issues, which one serves, how one follows another.

Changing the authority takes an overlap: the new one is trusted at once and issues a moment later, the old one stays
trusted and vouches for the edge's own server until it is ended. So everybody who trusts either of them can connect, and
each renewal moves one solution over. Ending the old authority is refused while certificates of it may still be in use.
"""

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.connector.authority import key_identifier, opened
from hub.connector.model import Authority, Generation, Generations
from hub.kernel.clock import rfc3339
from hub.kernel.errors import AlreadyExists, InvalidInput, NotFound

SETTLING = timedelta(seconds=2)
"""How long after a change the new authority begins to issue: every listener must trust it before anyone uses it."""


def issuing(generations: Generations, now: datetime) -> Authority:
    """Return the authority that signs client certificates: the newest that has begun."""
    begun = [generation for generation in generations if generation.since <= now]
    return (begun or generations)[-1].authority


def serving(generations: Generations, now: datetime) -> Authority:
    """Return the authority that vouches for the edge's server: the oldest in force, which every client trusts."""
    in_force = [found.authority for found in generations if opened(found.authority)[0].not_valid_after_utc > now]
    return in_force[0] if in_force else generations[-1].authority


def trusted(generations: Generations, now: datetime) -> bytes:
    """Return the certificates of all authorities as PEM, the issuing one first."""
    first = issuing(generations, now)
    rest = [generation.authority for generation in reversed(generations) if generation.authority != first]
    return b"".join(authority.certificate for authority in (first, *rest))


def holds(generations: Generations, authority: Authority) -> bool:
    """Return whether an authority is among them, by its certificate."""
    wanted = opened(authority)[0]
    return any(opened(generation.authority)[0] == wanted for generation in generations)


def rotated(generations: Generations, authority: Authority, now: datetime) -> Generations:
    """Return the authorities with a new one, which issues as soon as every listener trusts it.

    Raises:
        AlreadyExists: it is one of them already.
    """
    if holds(generations, authority):
        raise AlreadyExists(
            "The configured authority is in use already; put the new certificate and key into the files first."
        )
    return (*generations, Generation(authority, now + SETTLING))


def used_until(generations: Generations, certificate_days: float) -> datetime:
    """Return until when certificates of the older authorities may be in use."""
    longest = generations[-1].since + timedelta(days=certificate_days)
    return min(longest, max(opened(old.authority)[0].not_valid_after_utc for old in generations[:-1]))


def finished(
    generations: Generations, now: datetime, certificate_days: float, *, force: bool
) -> tuple[Generations, Generations]:
    """Return the newest authority alone, and those that end.

    Raises:
        NotFound: there is only one.
        InvalidInput: certificates of the others may still be in use, and they are not to be cut off.
    """
    if len(generations) == 1:
        raise NotFound("No older authority is trusted any more; `hub connector ca rotate` begins a change.")
    until = used_until(generations, certificate_days)
    if until > now and not force:
        raise InvalidInput(
            f"Certificates of the older authority may be in use until {rfc3339(until)}; wait until then, or cut off "
            "whoever has not renewed with --force."
        )
    return generations[-1:], generations[:-1]


def described(generations: Generations, now: datetime, certificate_days: float) -> list[dict[str, Any]]:
    """Return what operators are shown of each authority, newest first; no key is among it."""
    issuer = issuing(generations, now)
    rows = []
    for generation in reversed(generations):
        certificate, key = opened(generation.authority)
        row = {
            "state": "issuing" if generation.authority == issuer else "retiring",
            "subject": certificate.subject.rfc4514_string(),
            "algorithm": f"rsa-{key.key_size}" if isinstance(key, rsa.RSAPrivateKey) else f"ecdsa-{key.curve.name}",
            "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(),
            "keyIdentifier": key_identifier(certificate),
            "selfSigned": certificate.issuer == certificate.subject,
            "since": rfc3339(generation.since),
            "notAfter": rfc3339(certificate.not_valid_after_utc),
        }
        if generation.since > now and generation.authority != issuer:  # the only one issues at once
            row["state"] = "coming"
        elif row["state"] == "retiring":
            row["usedUntil"] = rfc3339(used_until(generations, certificate_days))
        rows.append(row)
    return rows


def certificates_of(generations: Generations) -> list[x509.Certificate]:
    """Return the certificate of each authority, without the chains above them: only these are trusted."""
    return [opened(generation.authority)[0] for generation in generations]
