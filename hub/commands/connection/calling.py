"""Calls of the hub's public HTTP, and what each refusal means for the person at the keyboard."""

import base64
import binascii
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.kernel.errors import HubError, InvalidInput, NotPermitted, UpstreamRefused, UpstreamUnavailable

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls the hub; the context learns the client certificate once there is one."""

    context: ssl.SSLContext
    ca: Path | None

    def call(self, method: str, url: str, expected: int, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON of an answer with the expected status.

        Raises:
            UpstreamUnavailable: nobody answers, or the one who does is not trusted.
            NotPermitted: the hub answers 403: a used token, a revoked certificate.
            UpstreamRefused: any other status, or no answer of a hub.
        """
        import httpx

        try:
            # A connection for each call: the client certificate is presented when a connection is made.
            with httpx.Client(verify=self.context, timeout=30) as client:
                response = client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise _unanswered(urlsplit(url).netloc, error) from error
        if response.status_code != expected:
            raise _refused(response)
        try:
            answer: dict[str, Any] = response.json()
        except ValueError as error:
            raise UpstreamRefused(f"{urlsplit(url).netloc} answers, but not as a hub does; check the URL.") from error
        return answer


def caller(ca: Path | None) -> Caller:
    """Return a caller that trusts the system's store and one file more.

    Raises:
        InvalidInput: the file cannot be read.
    """
    from cryptography import x509

    from hub.kernel.http.client import trust

    try:
        if ca is not None:
            x509.load_pem_x509_certificates(ca.read_bytes())  # is kept beside the hub's own later on
        return Caller(trust(ca), ca)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{ca} cannot be read as a PEM certificate; pass the hub's ca.crt as --ca.") from error


def text_at(answered: Any, *names: str) -> str:
    """Return a text inside an answer.

    Raises:
        UpstreamRefused: there is none at this place.
    """
    for name in names:
        answered = answered.get(name) if isinstance(answered, dict) else None
    if not isinstance(answered, str):
        raise UpstreamRefused(f"The hub's answer has no {'.'.join(names)}; check the URL.")
    return answered


def pem_at(answered: dict[str, Any], member: str) -> bytes:
    """Return a PEM text that an answer holds as base64.

    Raises:
        UpstreamRefused: there is none.
    """
    try:
        return base64.b64decode(text_at(answered, member), validate=True)
    except binascii.Error as error:
        raise UpstreamRefused(f"The hub's answer has no readable {member}; check the URL.") from error


def _unanswered(host: str, error: "httpx.HTTPError") -> UpstreamUnavailable:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return UpstreamUnavailable(
            f"The certificate of {host} is not trusted. Copy ca.crt from the data directory of the hub (`hub token` "
            "prints its path) and pass it as --ca FILE."
        )
    return UpstreamUnavailable(f"{host} does not answer ({error}); is the hub up, and the address right?")


def _refused(response: "httpx.Response") -> HubError:
    try:
        said = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        said = "no reason given"
    if response.status_code == 403:
        return NotPermitted(
            f"The hub refuses: {said} A token is good for one use and a few minutes, a certificate until its end; "
            "make a new token with `hub token APP`."
        )
    return UpstreamRefused(f"The hub refuses with status {response.status_code}: {said}")
