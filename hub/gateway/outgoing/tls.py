"""TLS contexts of calls: what is trusted, whether it is checked, and which client certificate is presented."""

import asyncio
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.gateway.model import KeyPair, Tls
from hub.kernel.errors import Misconfigured
from hub.kernel.http.client import trust

_KEPT = 1000


class Contexts:
    """Makes a context once for each way of connecting."""

    def __init__(self) -> None:
        """Begin with none; each is made when it is needed first."""
        self._made: dict[tuple[Tls, bool], ssl.SSLContext] = {}

    async def of(self, tls: Tls, *, http2: bool) -> ssl.SSLContext:
        """Return the context of one way of connecting; reading the system's authorities leaves the event loop.

        Args:
            tls: the way.
            http2: whether the target may choose HTTP/2.

        Raises:
            Misconfigured: certificate, key or authorities cannot be read.
        """
        key = (tls, http2)
        if key not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[key] = await asyncio.to_thread(make, tls, http2=http2)
        return self._made[key]


def make(tls: Tls, *, http2: bool = False) -> ssl.SSLContext:
    """Make a context.

    Raises:
        Misconfigured: certificate, key or authorities cannot be read; the text does not quote them.
    """
    context = trust() if tls.verify else _trusting()
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    try:
        if tls.authority:
            context.load_verify_locations(cadata=tls.authority)
        if tls.key_pair is not None:
            with _as_file(tls.key_pair) as path:
                context.load_cert_chain(path, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise Misconfigured("the registered certificate, key or authority cannot be read as PEM") from error
    return context


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _as_file(pair: KeyPair) -> Iterator[Path]:
    """Give the key pair a path, as the library demands: in memory where the system can, else readable by us alone."""
    text = f"{pair.certificate.strip()}\n{pair.key.strip()}\n".encode()
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("hub-key-pair", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(text)
            yield Path(f"/proc/self/fd/{descriptor}")
    else:
        with tempfile.NamedTemporaryFile() as kept:
            kept.write(text)
            kept.flush()
            yield Path(kept.name)
