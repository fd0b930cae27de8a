"""Fuzzes the parsers for as long as you like: `python -m tests.security.fuzz --minutes 10 [PARSER...]`.

With atheris (`pip install '.[fuzz]'`) the coverage of each input guides the next one; without it, hypothesis draws as
in the tests, only more. Each parser has a process of its own. What is found is printed, with the bytes that did it in
the folder --keep; the exit status is 1 then.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def guided(name: str, seconds: float, kept: Path) -> int:
    """Fuzz one parser by coverage; ends the process."""
    import atheris  # type: ignore[import-not-found]  # an extra

    with atheris.instrument_imports(include=["hub", "contracts"]):
        from tests.security.parsers import PARSERS, SEEDS, holds

    def one(raw: bytes) -> None:
        holds(PARSERS[name], raw)

    for number, seed in enumerate(SEEDS):
        (kept / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={int(seconds)}", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={kept}/found-"]
    atheris.Setup([name, *limits, str(kept)], one)
    atheris.Fuzz()
    return 0


def drawn(name: str, seconds: float) -> int:
    """Fuzz one parser with what hypothesis draws."""
    from hypothesis import HealthCheck, given, settings

    from tests.security.parsers import PARSERS, holds
    from tests.security.test_parsers import bent

    limit = time.monotonic() + seconds

    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(raw=bent())
    def more(raw: bytes) -> None:
        if time.monotonic() < limit:
            holds(PARSERS[name], raw)

    while time.monotonic() < limit:
        more()
    return 0


def main() -> int:
    """Fuzz every parser that was named, or all, each for its share of the time."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parsers", nargs="*", metavar="PARSER", help="as `tests/security/parsers.py` names them")
    options.add_argument("--minutes", type=float, default=10, help="for all of them together")
    options.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "hub-fuzz", help="folder of finds")
    options.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    wanted = options.parse_args()
    if wanted.one:
        return _one(wanted.parsers[0], wanted.minutes * 60, wanted.keep)
    return _each(wanted.parsers or _all(), wanted.minutes, wanted.keep)


def _all() -> list[str]:
    from tests.security.parsers import PARSERS

    return list(PARSERS)


def _one(name: str, seconds: float, keep: Path) -> int:
    kept = keep / name.replace(" ", "-")
    kept.mkdir(parents=True, exist_ok=True)
    is_guided = importlib.util.find_spec("atheris") is not None
    return guided(name, seconds, kept) if is_guided else drawn(name, seconds)


def _each(names: list[str], minutes: float, keep: Path) -> int:
    status = 0
    for name in names:
        words = ["--one", name, "--minutes", str(minutes / len(names)), "--keep", str(keep)]
        done = subprocess.run([sys.executable, "-m", "tests.security.fuzz", *words], capture_output=True, check=False)
        sys.stdout.write(f"{'FOUND' if done.returncode else 'held '} {name}\n")
        if done.returncode:
            status = 1
            sys.stdout.write(done.stderr.decode(errors="replace")[-4000:])
        sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
