"""Ends a program when the supervisor is gone, on systems whose kernel does not (everything but Linux).

Workers watch the supervisor's pipe themselves; a program that is not ours, nats-server, runs behind this guard:
`python -m hub.up.guard PROGRAM [ARGUMENT...]`, the pipe's descriptor in HUB_PARENT_PIPE.
"""

import os
import select
import signal
import subprocess
import sys
from types import FrameType

POLL_SECONDS = 0.2


def main(command: list[str], pipe: int) -> int:
    """Run the command until it ends or the other end of the pipe is closed; return its exit status."""
    program = subprocess.Popen(command)

    def forward(number: int, _frame: FrameType | None) -> None:
        program.send_signal(number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    while program.poll() is None:
        if select.select([pipe], [], [], POLL_SECONDS)[0]:
            program.kill()
    return program.returncode if program.returncode >= 0 else 128 - program.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], int(os.environ["HUB_PARENT_PIPE"])))
