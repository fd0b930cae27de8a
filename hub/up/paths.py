"""Where things are below the data directory; everything is readable by its owner only."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hub.kernel.errors import Misconfigured


@dataclass(frozen=True)
class Paths:
    """Files and directories of one hub."""

    data_dir: Path

    @property
    def run(self) -> Path:
        """Return the directory of what exists only while the hub runs."""
        return self.data_dir / "run"

    @property
    def logs(self) -> Path:
        """Return the directory of the log files."""
        return self.data_dir / "log"

    @property
    def nats(self) -> Path:
        """Return the directory of the embedded nats-server: its configuration, credentials and store."""
        return self.data_dir / "nats"

    @property
    def lock(self) -> Path:
        """Return the file whose lock says that a hub runs here."""
        return self.run / "hub.lock"

    @property
    def state(self) -> Path:
        """Return the machine-readable state of the running hub."""
        return self.run / "hub.json"

    @property
    def connection(self) -> Path:
        """Return the file that tells workers and commands where the embedded nats-server is."""
        return self.run / "nats.json"

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Create the directories.

        Raises:
            Misconfigured: the data directory cannot be written.
        """
        try:
            for directory in (self.data_dir, self.run, self.logs, self.nats):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(
                f"The data directory {self.data_dir} cannot be written ({error.strerror}); set HUB_DATA_DIR to another."
            ) from error


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only; a reader sees the old text or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_document(path: Path) -> dict[str, object]:
    """Return the JSON object of a file; an empty one when there is none or it is not JSON."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
