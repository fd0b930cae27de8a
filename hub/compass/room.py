"""The Runtime Agent's door: the connection with Compass, and the Director's applications as Applications of the hub."""

from faststream.nats import NatsRouter

from contracts import subjects
from hub.compass.agent import Agent
from hub.compass.asking import Registry
from hub.compass.calling import Caller
from hub.compass.handlers import Operating
from hub.compass.kinds import CONNECTION, KINDS
from hub.compass.maintaining import Connection
from hub.compass.pairing import Pairer
from hub.compass.settings import CompassSettings
from hub.compass.store import Connections, Lease, Secrets
from hub.compass.synchronizing import Synchronizer
from hub.kernel.room import Room, RoomHouse
from hub.kernel.state import JSON

LOG_EVENTS = (
    "application.untaken",
    "bug.caught",
    "compass_page.reduced",
    "connection.changed",
    "connection.failed",
    "connection.paired",
    "connection.renewed",
    "connection.untold",
    "lease.unknown",
    "synchronization.ended",
    "synchronization.failed",
    "synchronization.finished",
    "synchronization.interrupted",
)
"""Names of the events that this room logs."""


def build(settings: CompassSettings, house: RoomHouse) -> Room:
    """Connects the hub with Compass as a Runtime."""
    connections = house.resource_view(subjects.COMPASS_CONNECTIONS)
    secrets = house.resource_view(subjects.SECRETS)
    agent = _agent(settings, house)
    router = NatsRouter()
    house.desk(router, CONNECTION)
    operating = Operating(agent, agent.connection.stored, connections)
    for verb, asked in (
        ("status", operating.status), ("preview", operating.preview), ("synchronize", operating.synchronize),
    ):  # fmt: skip
        house.answer(router, subjects.ask(subjects.COMPASS_CONNECTIONS, verb), asked)

    async def start() -> None:
        agent.start(connections, secrets)

    return Room(
        "compass",
        router=router,
        kinds=KINDS,
        writes=(subjects.COMPASS_CONNECTIONS, subjects.SYNCHRONIZATION),
        start=start,
        stop=agent.stop,
    )


def _agent(settings: CompassSettings, house: RoomHouse) -> Agent:
    caller = Caller(settings)
    registry = Registry(house.bus.nc, house.objects, settings.skip_verify)
    secrets = Secrets(house.resource_view(subjects.SECRETS), house.keys)
    connection = Connection(
        settings=settings,
        stored=Connections(house.resources(CONNECTION), house.clock),
        secrets=secrets,
        registry=registry,
        pairer=Pairer(caller, settings.key_bits),
        clock=house.clock,
        publish=house.publish,
    )
    addresses = {
        "runtime_eventServiceUrl": settings.events_url or house.settings.edge.base_url,
        "runtime_consoleUrl": settings.console_url or f"http://localhost:{house.settings.public.port}",
    }
    applications = house.resource_view(subjects.APPLICATIONS)
    return Agent(
        settings=settings,
        connection=connection,
        caller=caller,
        synchronizer=Synchronizer(settings, registry, applications, secrets, addresses),
        lease=Lease(house.bucket(subjects.SYNCHRONIZATION, JSON), house.clock.new_id(), settings.lease_seconds),
    )
