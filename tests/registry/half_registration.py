"""A process that is killed in the middle of a registration: `python -m tests.registry.half_registration URL DIR STEP`.

STEP names the write before which the process kills itself as `kill -9` would: `document` or `application`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from hub.house import Running
from hub.kernel.broker import Bus, connect
from hub.kernel.objects import Objects
from hub.registry.store import Store
from tests.conftest import make_settings
from tests.registry.conftest import Registry
from tests.registry.test_whole_or_nothing import GUARDED, SERVICES


async def die(*_: Any) -> Any:
    """End this process at once, without any clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.Event().wait()


async def main(url: str, directory: str, step: str) -> None:
    """Register a Service of `shop`, up to one step."""
    settings = make_settings(Path(directory), url)
    process = Running(settings)
    await process.start(["registry"], [])
    client = await connect([url], "half")
    if step == "document":
        Objects.put = die  # type: ignore[method-assign]  # the step at which this process ends
    else:
        Store.change = die  # type: ignore[method-assign, assignment]  # the step at which this process ends
    registry = Registry(process, Bus(client), None)  # type: ignore[arg-type]  # nothing is asked here
    async with registry.client() as http:
        await http.post(SERVICES, json=GUARDED)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
