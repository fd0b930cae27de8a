"""The gateway's door: functions and services on this side call the APIs of connected solutions through it.

The data's way: path → registered API → proof (credentials, tokens) → target → answer, bodies passing in parts. Promises
touched: credentials are injected here and nowhere else, and are in no answer, log or error.
"""

import asyncio

from faststream.nats import NatsRouter

from contracts import subjects
from hub.gateway.api import Endpoint
from hub.gateway.authorizing import Authorizer
from hub.gateway.calling import Caller
from hub.gateway.dialling import Dialler
from hub.gateway.explaining import Explainer
from hub.gateway.metering import Meter
from hub.gateway.outgoing.pools import Pools
from hub.gateway.permission import Callers
from hub.gateway.protocol import protocol_of
from hub.gateway.settings import GatewaySettings
from hub.gateway.shortway import ShortWay
from hub.gateway.store import Directory
from hub.gateway.tunnel import Tunnels
from hub.gateway.verification import Verification
from hub.kernel.http.server import Passage
from hub.kernel.room import Room, RoomHouse

LOG_EVENTS = (
    "call.finished", "call.slow", "call.failed", "call.cut_off", "call.recorded", "target.suspended",
    "verification.skipped",
)  # fmt: skip
"""Names of the events that this room logs."""


def build(settings: GatewaySettings, house: RoomHouse) -> Room:
    """Calls the APIs of connected solutions with the credentials registered for them."""
    router = NatsRouter()
    applications = house.resource_view(subjects.APPLICATIONS)
    applications.on_change(Verification().changed)
    directory = Directory(applications, house.resource_view(subjects.SECRETS), house.keys, settings)
    pools, meter = Pools(settings), Meter()
    authorizer = Authorizer(pools, settings)
    callers = Callers(house.keys)
    caller = Caller(pools, authorizer, settings)
    house.answer(router, subjects.ask("gateway", "test"), Explainer(directory, authorizer, caller).test)
    tunnels: list[Tunnels] = []

    def passage(*, with_entry: bool) -> Passage:
        dialler = Dialler(directory, pools, authorizer, callers, meter, with_entry=with_entry)
        tunnels.append(Tunnels(dialler.dial, settings.tunnels))
        endpoint = Endpoint(directory, caller, callers, meter, with_entry=with_entry)
        short = ShortWay(endpoint, directory, caller, callers)
        return Passage(endpoint, tunnels[-1].protocol(), protocol_of(short))

    sweeping: list[asyncio.Task[None]] = []

    async def start() -> None:
        sweeping.append(asyncio.create_task(pools.sweep(), name="gateway-sweep"))

    async def stop() -> None:
        for task in sweeping:
            task.cancel()
        for each in tunnels:
            await each.close()
        await authorizer.close()
        pools.close()

    passages = {"gateway": passage(with_entry=False), "gateway_compass": passage(with_entry=True)}
    return Room("gateway", router=router, passages=passages, start=start, stop=stop)
