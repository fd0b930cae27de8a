"""Where master keys come from: the environment, a command, or a file - the first that is configured.

Each of them gives one key, or several while keys are exchanged: the first seals, all open. The file is written by us
and may change under running processes, which notice it; the other two change with a restart.
"""

import base64
import contextlib
import os
import secrets
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hub.kernel.errors import Misconfigured
from hub.kernel.settings import KeySettings

KEY_BYTES = 32
_COMMAND_SECONDS = 10


def configured(settings: KeySettings) -> list[bytes] | None:
    """Return the keys of the environment or of the command; None when the file holds them.

    Raises:
        Misconfigured: they cannot be read.
    """
    if settings.master is not None:
        return parse(settings.master.get_secret_value(), "HUB_KEYS__MASTER")
    if settings.command is not None:
        return parse(_output_of(settings.command), "The output of HUB_KEYS__COMMAND")
    return None


def path_of(settings: KeySettings, data_dir: Path) -> Path:
    """Return the file of the master keys."""
    return settings.file or data_dir / "master.key"


def parse(text: str, where: str) -> list[bytes]:
    """Read keys from base64, separated by blanks, line ends or commas.

    Raises:
        Misconfigured: it is no base64, or there is none.
    """
    try:
        keys = [base64.b64decode(part, validate=True) for part in text.replace(",", " ").split()]
    except ValueError as error:
        raise Misconfigured(f"{where} is not base64.") from error
    if not keys:
        raise Misconfigured(f"{where} holds no key; it must be {KEY_BYTES} random bytes as base64.")
    return keys


def _output_of(command: str) -> str:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, timeout=_COMMAND_SECONDS, check=True)
        return done.stdout.decode()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # The error's own text may quote the output, which is the key.
        raise Misconfigured(f"HUB_KEYS__COMMAND gave no key ({type(error).__name__}); run it by hand.") from None


class KeyFile:
    """A file of master keys, one per line."""

    def __init__(self, path: Path) -> None:
        """Take its path."""
        self.path = path
        self._seen: tuple[int, int] | None = None

    def make(self) -> None:
        """Make the file with one new key unless it is there."""
        if self.path.exists():
            return
        # Several processes start at once: the key appears whole or not at all, and the first one made stays.
        draft = self._draft([secrets.token_bytes(KEY_BYTES)])
        with contextlib.suppress(FileExistsError):
            self.path.hardlink_to(draft)
        draft.unlink()

    def read(self) -> list[bytes]:
        """Return the keys.

        Raises:
            Misconfigured: the file cannot be read.
        """
        try:
            self._seen = self._signature()
            return parse(self.path.read_text(), f"The master key in {self.path}")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"The master key in {self.path} cannot be read.") from error

    def news(self) -> list[bytes] | None:
        """Return the keys when the file was replaced since it was read last."""
        return None if self._signature() == self._seen else self.read()

    def write(self, keys: Sequence[bytes]) -> None:
        """Replace the keys; a crash leaves the old ones or the new ones."""
        self._draft(keys).replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _signature(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return self._seen
        return found.st_ino, found.st_mtime_ns

    def _draft(self, keys: Sequence[bytes]) -> Path:
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(b"".join(base64.b64encode(key) + b"\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        return draft
