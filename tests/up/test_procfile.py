"""The Procfile: `name: command`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.errors import InvalidInput, Misconfigured
from hub.up import procfile
from hub.up.child import command_of
from hub.up.plan import Program

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True)
COMMANDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).map(str.strip).filter(bool)


@given(st.dictionaries(NAMES, COMMANDS, max_size=8), st.sampled_from(["", "\n", "# a remark: of ours\n", "  \n"]))
def test_what_is_written_is_read_in_order(commands: dict[str, str], between: str) -> None:
    """Law: rendering processes and parsing them gives the same, whatever blank lines and remarks lie between."""
    text = between.join(f"{name}: {command}\n" for name, command in commands.items())

    assert tuple(Program(name, command) for name, command in commands.items()) == procfile.parse(text)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Law: nothing but InvalidInput comes out of parsing."""
    try:
        programs = procfile.parse(text)
    except InvalidInput as error:
        assert "Line " in error.detail
    else:
        assert len({program.name for program in programs}) == len(programs)


@pytest.mark.parametrize(
    ("text", "line"),
    [("edge hub run", 1), ("a: x\n\nb:", 3), ("a: x\na: y", 2), ("nats-server: x", 1), (": x", 1), ("1a: x", 1)],
    ids=["no colon", "no command", "twice", "reserved", "no name", "digit first"],
)
def test_a_wrong_line_is_named(text: str, line: int) -> None:
    """The number of the line is in the text."""
    with pytest.raises(InvalidInput, match=f"Line {line}:"):
        procfile.parse(text)


def test_the_hubs_own_procfile_is_found_and_acceptable() -> None:
    """Every line calls `hub run`."""
    programs = procfile.read(procfile.find())

    assert {"edge", "inside", "dispatch", "control"} <= {program.name for program in programs}
    assert all(program.command.startswith("hub run ") for program in programs)


def test_a_procfile_that_names_nothing_or_is_not_there_is_refused(tmp_path: Path) -> None:
    """Settings that cannot work: the path is in the text."""
    (tmp_path / "Procfile").write_text("# nothing\n")

    for path in (tmp_path / "Procfile", tmp_path / "absent"):
        with pytest.raises(Misconfigured, match=str(path)):
            procfile.read(path)


def test_hub_means_this_installation() -> None:
    """Not a `hub` on the PATH, and not a folder of that name in the current directory."""
    command = command_of(Program("edge", "hub run ingress --listen edge"))

    assert command[1:] == ("-P", "-m", "hub", "run", "ingress", "--listen", "edge")
    assert command_of(Program("other", "/bin/echo 'a b'")) == ("/bin/echo", "a b")


def test_an_open_quote_is_refused() -> None:
    """The line is named."""
    with pytest.raises(Misconfigured, match="'edge'"):
        command_of(Program("edge", "hub 'run"))
