"""Fuzzes the parsers for as long as you like: `python -m tests.security.fuzz --minutes 10 [PARSER...]`.

With atheris (`pip install '.[fuzz]'`) the coverage of each input guides the next one, and each parser runs in a process
of its own; without it, hypothesis draws as in the tests, only more. What is found is printed with the bytes that did it
and kept in the folder --keep; the exit status is 1 then.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.security.parsers import PARSERS, SEEDS, holds
from tests.security.test_parsers import bent


def guided(name: str, seconds: float, kept: Path) -> int:
    """Fuzz one parser by coverage; ends the process."""
    import atheris  # type: ignore[import-not-found]  # an extra

    for number, seed in enumerate(SEEDS):
        (kept / f"seed-{number}").write_bytes(seed)
    atheris.instrument_all()
    limits = [f"-max_total_time={int(seconds)}", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={kept}/found-"]
    atheris.Setup([name, *limits, str(kept)], lambda raw: holds(PARSERS[name], raw) and None)
    atheris.Fuzz()
    return 0


def drawn(name: str, seconds: float) -> int:
    """Fuzz one parser with what hypothesis draws."""
    limit = time.monotonic() + seconds

    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(raw=bent())
    def more(raw: bytes) -> None:
        holds(PARSERS[name], raw)

    while time.monotonic() < limit:
        more()
    return 0


def main() -> int:
    """Fuzz every parser that was named, or all, each for its share of the time."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parsers", nargs="*", metavar="PARSER", help=", ".join(PARSERS))
    options.add_argument("--minutes", type=float, default=10, help="for all of them together")
    options.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "hub-fuzz", help="folder of finds")
    options.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given_ = options.parse_args()
    names = given_.parsers or list(PARSERS)
    seconds = given_.minutes * 60 / len(names)
    kept = given_.keep / names[0].replace(" ", "-")
    if given_.one:
        kept.mkdir(parents=True, exist_ok=True)
        known = importlib.util.find_spec("atheris") is not None
        return guided(names[0], seconds, kept) if known else drawn(names[0], seconds)
    failed = []
    for name in names:
        words = ["--one", name, "--minutes", str(seconds / 60), "--keep", str(given_.keep)]
        done = subprocess.run([sys.executable, "-m", "tests.security.fuzz", *words], capture_output=True, check=False)
        sys.stdout.write(f"{'FOUND' if done.returncode else 'held '} {name}\n")
        if done.returncode:
            failed.append(name)
            sys.stdout.write(done.stderr.decode(errors="replace")[-4000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
