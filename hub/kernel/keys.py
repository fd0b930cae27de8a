"""Envelope encryption of what is secret at rest.

Each value is sealed with a fresh data key (AES-256-GCM); the data key is sealed with the master key. The context (the
place where the value is kept) is authenticated, so that a sealed value moved elsewhere does not open.

Layout: version byte, 12-byte nonce and sealed data key (32 + 16 bytes), 12-byte nonce and sealed value.

There may be several master keys while they are exchanged: the first seals, all of them open.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.kernel import masterkeys
from hub.kernel.errors import Misconfigured
from hub.kernel.settings import KeySettings

KEY_BYTES = masterkeys.KEY_BYTES
_NONCE = 12
_VERSION = b"\x01"
_SEALED_KEY = KEY_BYTES + 16
News = Callable[[], Sequence[bytes] | None]
"""Returns the master keys when they have changed since it was asked last, else None."""


class Keys:
    """Seals and opens values with the master keys."""

    def __init__(self, *masters: bytes, news: News = lambda: None) -> None:
        """Take the master keys, the one that seals first, and who tells that they were exchanged.

        Raises:
            Misconfigured: one of them is not 32 bytes.
        """
        self._news = news
        self._take(masters)

    def _take(self, masters: Sequence[bytes]) -> None:
        if not masters or any(len(master) != KEY_BYTES for master in masters):
            raise Misconfigured(f"The master key must be {KEY_BYTES} bytes (as base64 in HUB_KEYS__MASTER).")
        self._masters = [AESGCM(master) for master in masters]
        self.fingerprint = fingerprint_of(masters[0])

    def refresh(self) -> bool:
        """Take the keys anew when they were exchanged; tells whether they were."""
        masters = self._news()
        if masters is not None:
            self._take(masters)
        return masters is not None

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt a value for one place."""
        self.refresh()  # a value sealed with a key that is on its way out could be missed by the exchange
        key = secrets.token_bytes(KEY_BYTES)
        outer, inner = secrets.token_bytes(_NONCE), secrets.token_bytes(_NONCE)
        sealed_key = self._masters[0].encrypt(outer, key, context.encode())
        return _VERSION + outer + sealed_key + inner + AESGCM(key).encrypt(inner, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a value that was sealed for this place.

        Raises:
            Misconfigured: another master key sealed it, or it was changed or moved.
        """
        key = self._data_key(sealed, context)
        if key is None and self.refresh():
            key = self._data_key(sealed, context)
        if key is not None:
            inner = len(_VERSION) + _NONCE + _SEALED_KEY
            try:
                return AESGCM(key).decrypt(sealed[inner : inner + _NONCE], sealed[inner + _NONCE :], context.encode())
            except (InvalidTag, ValueError):
                key = None
        raise Misconfigured(
            f"The secret at '{context}' does not open: it was sealed with another master key, or changed."
        )

    def is_current(self, sealed: bytes, context: str) -> bool:
        """Tell whether the key that seals now has sealed a value."""
        self.refresh()
        return self._opened(self._masters[0], sealed, context) is not None

    def _data_key(self, sealed: bytes, context: str) -> bytes | None:
        found = (self._opened(master, sealed, context) for master in self._masters)
        return next((key for key in found if key is not None), None)

    @staticmethod
    def _opened(master: AESGCM, sealed: bytes, context: str) -> bytes | None:
        start = len(_VERSION)
        outer, rest = sealed[start : start + _NONCE], sealed[start + _NONCE :]
        try:
            return master.decrypt(outer, rest[:_SEALED_KEY], context.encode())
        except (InvalidTag, ValueError):
            return None


def fingerprint_of(master: bytes) -> str:
    """Return what tells master keys apart and gives none of them away."""
    return hashlib.sha256(b"hub master key\n" + master).hexdigest()[:16]


def load_keys(settings: KeySettings, data_dir: Path) -> Keys:
    """Read the master keys; a missing file is made at the first start (readable by its owner only).

    Raises:
        Misconfigured: a key cannot be read or is not one.
    """
    fixed = masterkeys.configured(settings)
    if fixed is not None:
        return Keys(*fixed)
    file = masterkeys.KeyFile(masterkeys.path_of(settings, data_dir))
    file.make()
    return Keys(*file.read(), news=file.news)
