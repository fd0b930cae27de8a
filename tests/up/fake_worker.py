"""A stand-in for `hub run`: says that it is ready, waits for SIGTERM, and misbehaves when asked to."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hub.up.notify import notify


def say(**fields: object) -> None:
    """Write one JSON line to the log."""
    line = json.dumps({"process": os.environ["HUB_PROCESS"], "pid": os.getpid(), **fields})
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Behave as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--exit", type=int, help="end at once with this status")
    parser.add_argument("--silent", action="store_true", help="never become ready")
    parser.add_argument("--stubborn", action="store_true", help="pass over SIGTERM")
    parser.add_argument("--journal", type=Path, help="append a line at the end")
    parser.add_argument("--with-child", action="store_true", help="start a program that outlives SIGTERM")
    asked = parser.parse_args()
    say(event="worker.started", environment={name: os.environ.get(name) for name in ("HUB_DATA_DIR", "NOTIFY_SOCKET")})
    if asked.exit is not None:
        say(event="worker.refused", reason="it was told to")
        sys.exit(asked.exit)

    def end(*_: object) -> None:
        if asked.stubborn:
            return
        if asked.journal:
            with asked.journal.open("a") as file:
                file.write(f"{os.environ['HUB_PROCESS']} {time.monotonic()} {store_lives()}\n")
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    if asked.with_child:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        say(event="child.started", child=child.pid)
    if not asked.silent:
        name = os.environ["HUB_PROCESS"]
        notify(ready=True, status=f"serving {name}", listeners={name: f"http://localhost/{name}"})
    while True:
        time.sleep(600)


def store_lives() -> bool:
    """Return whether the event store still runs while this worker ends."""
    connection = Path(os.environ["HUB_DATA_DIR"]) / "run" / "nats.json"
    try:
        os.kill(json.loads(connection.read_text())["pid"], 0)
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    main()
