"""From settings to a running supervisor: boil the settings down to a plan, then become the supervisor.

Becoming means replacing the program in this same process (exec): whoever started `hub up` keeps its pid, and the tens
of megabytes that reading settings took are given back.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from hub.kernel.errors import Misconfigured
from hub.kernel.settings import ListenerSettings, MetricsSettings
from hub.settings import HubSettings
from hub.up import procfile
from hub.up.plan import Limits, Listener, Nats, Plan, Program

_PORTS = 65_536


def plan_of(settings: HubSettings, *, color: bool = False) -> Plan:
    """Return what the settings ask for.

    Raises:
        Misconfigured: there is no acceptable Procfile.
    """
    up = settings.up
    programs = procfile.read(up.procfile or procfile.find())
    return Plan(
        data_dir=settings.data_dir.expanduser().resolve(),
        programs=programs,
        listeners=listeners_of(settings),
        metrics=metrics_of(settings.metrics, programs),
        nats=None if settings.nats.url else Nats(settings.nats.port, settings.nats.sync),
        limits=Limits(stop_seconds=settings.stop_seconds, **up.model_dump(exclude={"procfile", "preload"})),
        preload=up.preload and sys.platform == "linux",
        color=color,
    )


def listeners_of(settings: HubSettings) -> tuple[Listener, ...]:
    """Return the ports that the processes will bind."""
    return (
        _listener("edge", "https", settings.edge),
        _listener("public", "http", settings.public),
        _listener("internal", "http", settings.internal),
        _listener("gateway", "http", settings.gateway),
        _listener("gateway_compass", "http", settings.gateway_compass),
    )


def metrics_of(settings: MetricsSettings, programs: Sequence[Program]) -> tuple[Listener, ...]:
    """Return the ports on which the programs show their metrics, one after the other; none where each takes a free one.

    Raises:
        Misconfigured: there are not as many ports behind the first.
    """
    first = settings.base_port
    if not first:
        return ()
    if first + len(programs) > _PORTS:
        raise Misconfigured(
            f"HUB_METRICS__BASE_PORT is not acceptable: {len(programs)} processes take a port each from {first} on,"
            f" and the last port is {_PORTS - 1}; choose a smaller one."
        )
    return tuple(
        Listener(f"metrics of {program.name}", "http", settings.host, first + place, "HUB_METRICS", "BASE_PORT")
        for place, program in enumerate(programs)
    )


def become_supervisor(plan: Plan) -> NoReturn:
    """Replace this program by the supervisor, which gets the plan through a pipe; does not return."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        file.write(plan.to_json())
    os.set_inheritable(reader, True)
    sys.stdout.flush()
    # -P: a folder `hub` in the current directory must not stand in for the installed package.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "hub.up", str(reader)])  # noqa: S606 - our own interpreter


def _listener(name: str, scheme: str, settings: ListenerSettings) -> Listener:
    return Listener(name, scheme, settings.host, settings.port, f"HUB_{name.upper()}")
