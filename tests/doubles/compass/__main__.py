"""A Compass to try things with: `python -m tests.doubles.compass` prints how to pair with it and runs until Ctrl-C."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.doubles.compass.serving import ADMIN, running
from tests.doubles.compass.world import api, basic, bundle, event, spec

ASYNCAPI = '{"asyncapi": "2.6.0", "info": {"title": "Orders", "version": "1"}, "channels": {"order.created.v1": {}}}'


async def run(port: int, secured_port: int) -> None:
    """Serve a small landscape: one runtime, two applications."""
    async with running(port, secured_port) as compass:
        world = compass.world
        runtime = world.runtime()
        world.assign(runtime.id, "default")
        orders = [api("orders", "https://shop.example.com/orders")]
        events = [event("order events", spec("ASYNC_API", ASYNCAPI))]
        world.application("shop", bundle("orders", apis=orders, events=events, auth=basic()))
        world.application("crm", bundle("customers", apis=[api("customers")]))
        token = world.token_for("RUNTIME", runtime.id, runtime.tenant)
        with tempfile.NamedTemporaryFile("wb", suffix=".pem", prefix="compass-ca-") as file:
            file.write(compass.authority.pem)
            file.flush()
            sys.stdout.write(
                f"export HUB_COMPASS__CA_FILE={Path(file.name)}\n"
                f"hub compass pair --connector-url {compass.connector_url} --runtime-id {runtime.id} "
                f"--tenant {runtime.tenant} --token {token}\n"
                f"# the admin calls {compass.director_url} with 'Authorization: Bearer {ADMIN}' and 'Tenant'\n"
            )
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="for one-time tokens and the admin")
    parser.add_argument("--secured-port", type=int, default=0, help="for certificates")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.port, options.secured_port))
