"""The supervisor as a program: `python -m hub.up DESCRIPTOR`, the plan as JSON at that descriptor. See launch.py."""

import os
import sys

from hub.kernel.errors import HubError, Misconfigured
from hub.up.plan import Plan
from hub.up.preloading import PreloadedSpawner
from hub.up.spawning import PlainSpawner
from hub.up.supervisor import Supervisor


def main(descriptor: int) -> int:
    """Run the plan; return the exit status: 1 for a refusal, 2 for settings that cannot work."""
    with os.fdopen(descriptor) as file:
        plan = Plan.from_json(file.read())
    parent = os.environ.pop("HUB_PARENT_PIPE", "")
    try:
        supervisor = Supervisor(plan, spawner=PreloadedSpawner if plan.preload else PlainSpawner)
        return supervisor.run(int(parent) if parent.isdigit() else None)
    except HubError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 2 if isinstance(error, Misconfigured) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
