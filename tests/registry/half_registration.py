"""A process that is killed in the middle of a registration: `python -m tests.registry.half_registration URL DIR STEP`.

STEP names the write before which the process kills itself as `kill -9` would: `document` or `application`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from contracts import subjects
from hub.house import Running
from hub.kernel.broker import Bus, connect
from hub.kernel.objects import Objects
from hub.kernel.state import Bucket
from hub.registry.store import Store, Undo
from tests.conftest import make_settings
from tests.registry.conftest import Registry
from tests.registry.test_whole_or_nothing import GUARDED, SERVICES

write_secret, put = Store.write_secret, Bucket.put


async def wait(*_: Any, **__: Any) -> None:
    """Never come to an end."""
    await asyncio.Event().wait()


async def write_secret_and_die(*arguments: Any, **options: Any) -> Undo:
    """Write a Secret and end this process at once, without any clean-up."""
    undo = await write_secret(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
    return undo


async def put_or_die(bucket: Bucket[Any], key: str, value: Any, revision: int | None = None) -> int:
    """Write into a bucket; this process ends before it writes an Application."""
    if bucket.name == subjects.APPLICATIONS:
        os.kill(os.getpid(), signal.SIGKILL)
    return await put(bucket, key, value, revision)


async def main(url: str, directory: str, step: str) -> None:
    """Register a Service of `shop`, up to one step."""
    settings = make_settings(Path(directory), url)
    process = Running(settings)
    await process.start(["registry"], [])
    client = await connect([url], "half")
    if step == "document":
        Objects.put = wait  # type: ignore[method-assign]  # the step that this process does not come to
        Store.write_secret = write_secret_and_die  # type: ignore[method-assign, assignment]  # ends here
    else:
        Bucket.put = put_or_die  # type: ignore[method-assign]  # the step at which this process ends
    registry = Registry(process, Bus(client), None)  # type: ignore[arg-type]  # nothing is asked here
    async with registry.client() as http:
        await http.post(SERVICES, json=GUARDED)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
