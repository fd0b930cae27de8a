"""Envelope encryption of what is secret at rest.

Each value is sealed with a fresh data key (AES-256-GCM); the data key is sealed with the master key. The context (the
place where the value is kept) is authenticated, so that a sealed value moved elsewhere does not open.

Layout: version byte, 12-byte nonce and sealed data key (32 + 16 bytes), 12-byte nonce and sealed value.
"""

import base64
import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.kernel.errors import Misconfigured
from hub.kernel.settings import KeySettings

KEY_BYTES = 32
_NONCE = 12
_VERSION = b"\x01"
_SEALED_KEY = KEY_BYTES + 16


class Keys:
    """Seals and opens values with one master key."""

    def __init__(self, master: bytes) -> None:
        """Take the master key.

        Raises:
            Misconfigured: it is not 32 bytes.
        """
        if len(master) != KEY_BYTES:
            raise Misconfigured(f"The master key must be {KEY_BYTES} bytes (as base64 in HUB_KEYS__MASTER).")
        self._master = AESGCM(master)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt a value for one place."""
        key = secrets.token_bytes(KEY_BYTES)
        outer, inner = secrets.token_bytes(_NONCE), secrets.token_bytes(_NONCE)
        sealed_key = self._master.encrypt(outer, key, context.encode())
        return _VERSION + outer + sealed_key + inner + AESGCM(key).encrypt(inner, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a value that was sealed for this place.

        Raises:
            Misconfigured: another master key sealed it, or it was changed or moved.
        """
        start = len(_VERSION)
        outer, rest = sealed[start : start + _NONCE], sealed[start + _NONCE :]
        sealed_key, inner = rest[:_SEALED_KEY], rest[_SEALED_KEY : _SEALED_KEY + _NONCE]
        try:
            key = self._master.decrypt(outer, sealed_key, context.encode())
            return AESGCM(key).decrypt(inner, rest[_SEALED_KEY + _NONCE :], context.encode())
        except (InvalidTag, ValueError) as error:
            raise Misconfigured(
                f"The secret at '{context}' does not open: it was sealed with another master key, or changed."
            ) from error


def load_keys(settings: KeySettings, data_dir: Path) -> Keys:
    """Read the master key, or make one at the first start (readable by its owner only).

    Raises:
        Misconfigured: the key cannot be read or is not one.
    """
    if settings.master is not None:
        try:
            return Keys(base64.b64decode(settings.master.get_secret_value(), validate=True))
        except ValueError as error:
            raise Misconfigured("HUB_KEYS__MASTER is not base64.") from error
    path = data_dir / "master.key"
    if not path.exists():
        _make_key(path)
    return Keys(_read_key(path))


def _make_key(path: Path) -> None:
    # Several processes start at once: the key appears whole or not at all, and the first one made stays.
    draft = path.with_name(f".master.key.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _read_key(path: Path) -> bytes:
    try:
        return base64.b64decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"The master key in {path} cannot be read.") from error
