"""The README as a new user follows it: its tutorial is run block by block, as written, in a shell."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.house import LISTENERS
from hub.up.ports import free_port
from tests.up.conftest import until

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
MARK = "---- end of block"

pytestmark = pytest.mark.skipif(
    not all(shutil.which(program) for program in ("bash", "curl", "openssl")), reason="the tutorial's programs"
)


def section(title: str) -> str:
    """Return the text below a heading."""
    _, _, rest = README.read_text(encoding="utf-8").partition(f"## {title}\n")
    return rest.partition("\n## ")[0]


@dataclass
class Terminal:
    """A shell into which blocks are pasted."""

    shell: subprocess.Popen[str]
    transcript: Path

    def paste(self, block: str) -> str:
        """Run a block and return what it printed; fails when its last command does."""
        assert self.shell.stdin is not None
        seen = len(self.transcript.read_text())
        self.shell.stdin.write(f'{block}\necho "{MARK} $?"\n')
        self.shell.stdin.flush()
        until(lambda: MARK in self.transcript.read_text()[seen:], limit_seconds=120)
        said, _, status = self.transcript.read_text()[seen:].partition(MARK)
        assert status.split()[0] == "0", said
        return said


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory as the README's first command leaves it, a name with a blank in it."""
    place = tmp_path / "a new user"
    place.mkdir()
    (place / ".venv").symlink_to(sys.prefix)
    return place


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of both terminals: the ports of a machine on which the usual ones may be taken."""
    ports = {f"HUB_{name.upper()}__PORT": str(free_port()) for name in LISTENERS}
    return os.environ | ports | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(README.parent)}


def open_terminal(directory: Path, environment: dict[str, str], name: str) -> Terminal:
    """Start a shell whose output goes to a file."""
    transcript = directory.parent / f"{name}.txt"
    with transcript.open("w") as output:
        shell = subprocess.Popen(
            ["bash", "--norc"], cwd=directory, env=environment, stdin=subprocess.PIPE, stdout=output,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
    return Terminal(shell, transcript)


@pytest.fixture
def hub(directory: Path, environment: dict[str, str]) -> Iterator[Terminal]:
    """Return the first terminal, in which the tutorial's first block runs a hub."""
    first = open_terminal(directory, environment, "first")
    assert first.shell.stdin is not None
    first.shell.stdin.write(BLOCK.findall(section("Ten minutes by hand"))[0])
    first.shell.stdin.close()
    until(lambda: "hub is ready" in first.transcript.read_text(), limit_seconds=60)
    yield first
    if first.shell.poll() is None:
        os.killpg(first.shell.pid, signal.SIGTERM)
        first.shell.wait(60)


@pytest.mark.usefixtures("hub")
def test_the_tutorial_works_as_written(directory: Path, environment: dict[str, str]) -> None:
    """Every block does what the text beside it says, ports apart."""
    _, prepare, pair, register, subscribe, post, see, break_it = BLOCK.findall(section("Ten minutes by hand"))
    second = open_terminal(directory, environment, "second")

    assert "hub ready" in second.paste(prepare)
    assert '"clientIdentity":{"application":"shop"}' in second.paste(pair)
    registered = second.paste(register)
    assert '{"id":"' in registered and re.search(r"shop +order\.created\.v1 +yes +reject", registered)
    subscribed = second.paste(subscribe)
    assert "function/orders created" in subscribed and "subscription/orders created" in subscribed
    assert ["204", "200", "422"] == re.findall(r"^HTTP/1.1 (\d+)", second.paste(post), re.MULTILINE)
    until(lambda: second.paste(see).count("from shop") == 2)
    said = second.paste(see)
    assert "order 1 from shop" in said and "order 2 from shop" in said
    assert "Every event is accounted for" in second.paste(break_it)


def test_the_text_names_the_answers_of_the_posts() -> None:
    """What the test above expects of the answers is what the reader is told."""
    assert "The answers are 204, 200 and 422." in section("Ten minutes by hand")


def test_ctrl_c_ends_the_hub_of_the_tutorial(hub: Terminal) -> None:
    """Everything stops in order, the terminal is free again, and nothing is complained about."""
    os.killpg(hub.shell.pid, signal.SIGINT)
    hub.shell.wait(60)
    said = hub.transcript.read_text()
    assert "nats-server  stopped" in said and "Traceback" not in said
    assert hub.shell.returncode == 130
