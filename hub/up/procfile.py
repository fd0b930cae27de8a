"""The Procfile: one line per kind of process, `name: command`.

Foreman, Honcho and Heroku read the same file, so an operator may run the processes with a tool of their own.
"""

import re
from pathlib import Path

from hub.kernel.errors import InvalidInput, Misconfigured
from hub.up.plan import Program

LINE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]{0,39})\s*:\s*(?P<command>\S.*)")
# The supervisor's own words for what it runs besides the lines.
RESERVED = frozenset({"nats-server"})


def parse(text: str) -> tuple[Program, ...]:
    """Return the processes in the order of their lines; blank lines and lines that begin with # are passed over.

    Raises:
        InvalidInput: a line that is not `name: command`, or a name that comes twice; the text says which line.
    """
    programs: dict[str, Program] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        program = _program(stripped, number)
        if program.name in programs:
            raise InvalidInput(f"Line {number}: the process '{program.name}' is there already; give it another name.")
        programs[program.name] = program
    return tuple(programs.values())


def read(path: Path) -> tuple[Program, ...]:
    """Return the processes of a file.

    Raises:
        Misconfigured: the file cannot be read, has a wrong line, or names no process.
    """
    try:
        programs = parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"The Procfile {path} cannot be read ({error}); correct HUB_UP__PROCFILE.") from error
    except InvalidInput as error:
        raise Misconfigured(f"The Procfile {path} is wrong. {error.detail}") from error
    if not programs:
        raise Misconfigured(f"The Procfile {path} names no process; write lines such as `dispatch: hub run dispatch`.")
    return programs


def find() -> Path:
    """Return the Procfile that comes with the hub: inside the installed package, or at the root of a checkout.

    Raises:
        Misconfigured: there is neither; the installation is damaged.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "Procfile", package.parent / "Procfile"):
        if candidate.is_file():
            return candidate
    raise Misconfigured(f"No Procfile in {package} or beside it; install the hub again or set HUB_UP__PROCFILE.")


def _program(line: str, number: int) -> Program:
    match = LINE.fullmatch(line)
    if match is None:
        raise InvalidInput(f"Line {number}: '{line[:60]}' is not `name: command`.")
    if match["name"] in RESERVED:
        raise InvalidInput(f"Line {number}: the name '{match['name']}' is the hub's own; choose another.")
    return Program(match["name"], match["command"])
