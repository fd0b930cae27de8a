"""What each kind of process may do on the bus: the credential of one, stolen, does the work of that one and no other.

Most of it is not written down here but read from the rooms themselves. They are built as a process builds them, without
a server, and have said by then which buckets they write and follow, which requests they answer and to which contract
events they subscribe. Besides that stands what they do on the data plane, by hand and by room (`_BESIDES`); a test runs
the whole hub under these permissions, and nats-server refuses what is missing.
"""

import shlex
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts import subjects
from hub.up import procfile

OPERATOR = "operator"
"""Who runs commands such as `hub apply`, and prepares streams and buckets: may do everything in the hub's account."""
SYSTEM = "system"
"""Who looks at the cluster itself, from an account of its own."""
INBOX = "_INBOX"


@dataclass(frozen=True)
class Permissions:
    """The subjects of one process, each with NATS wildcards."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    responds: bool
    """Whether it may answer whoever asks it, as often as a request has calls. Dispatch answers the askers it knows
    instead: nats-server notes each message that could be answered, and dispatch gets one for every event."""


@dataclass(frozen=True)
class Besides:
    """What a room does that building it does not show."""

    publishes: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    """Streams, by consumers of its own or message by message."""
    removes: tuple[str, ...] = ()
    """Streams of which it takes single messages off."""
    reads_objects: bool = False
    writes_objects: bool = False
    api: tuple[str, ...] = ()
    """Further requests to JetStream."""
    answers: tuple[str, ...] = ()
    """Processes whose requests it answers without permission to answer everybody."""


_ACCEPTED, _REPLAYS = subjects.STREAM_SUBJECTS[subjects.EVENTS]
(_DEAD,) = subjects.STREAM_SUBJECTS[subjects.DEAD]
(_ATTEMPTS,) = subjects.STREAM_SUBJECTS[subjects.ATTEMPTS]
(_TRACES,) = subjects.STREAM_SUBJECTS[subjects.TRACES]
(_QUARANTINED,) = subjects.STREAM_SUBJECTS[subjects.QUARANTINE]
_LETTERS_OF_CONTRACTS = "dead.hub.contracts"


def _hub(*nouns: str) -> tuple[str, ...]:
    return tuple(f"hub.{noun}.>" for noun in nouns)


_BESIDES = {
    "registry": Besides(publishes=_hub("application"), reads_objects=True, writes_objects=True),
    "connector": Besides(publishes=_hub("certificate", "audit")),
    "catalog": Besides(
        publishes=(*_hub("catalog", "audit"), _ACCEPTED),
        reads=(subjects.QUARANTINE,),
        removes=(subjects.QUARANTINE,),
        reads_objects=True,
    ),
    "ingress": Besides(
        publishes=(*_hub("catalog"), _ACCEPTED, _QUARANTINED),
        asks=("ask.events.*",),
    ),
    "dispatch": Besides(
        publishes=(*_hub("delivery", "subscription", "audit"), _REPLAYS, _DEAD, _ATTEMPTS, subjects.CALLS),
        reads=(subjects.EVENTS, subjects.DEAD, subjects.ATTEMPTS, subjects.HUB),
        removes=(subjects.DEAD,),
        api=(f"STREAM.PURGE.{subjects.EVENTS}",),
        answers=("edge", "inside", OPERATOR),
    ),
    "functions": Besides(publishes=_hub("function"), hears=(subjects.CALLS,), reads_objects=True),
    "gateway": Besides(),
    "compass": Besides(
        publishes=_hub("compass"),
        asks=("ask.applications.mirror", "ask.applications.delete", "ask.secrets.apply"),
        reads_objects=True,
        writes_objects=True,
    ),
}


@dataclass
class _Subjects:
    """Gathers what a process does."""

    publish: set[str] = field(default_factory=set)
    subscribe: set[str] = field(default_factory=set)

    def api(self, *requests: str) -> None:
        self.publish.update(f"$JS.API.{request}" for request in requests)

    def read(self, stream: str) -> None:
        """Read a stream: its state, single messages, and by consumers of this process's own."""
        self.api(f"STREAM.INFO.{stream}", f"STREAM.MSG.GET.{stream}", f"DIRECT.GET.{stream}", f"DIRECT.GET.{stream}.>")
        self.api(f"CONSUMER.CREATE.{stream}", f"CONSUMER.CREATE.{stream}.>", f"CONSUMER.DURABLE.CREATE.{stream}.*")
        self.api(f"CONSUMER.INFO.{stream}.*", f"CONSUMER.LIST.{stream}", f"CONSUMER.DELETE.{stream}.*")
        self.api(f"CONSUMER.MSG.NEXT.{stream}.*")
        self.publish.update((f"$JS.ACK.{stream}.>", f"$JS.FC.{stream}.>"))

    def follow(self, bucket: str) -> None:
        """Read a bucket: its values, and by consumers that see the changes."""
        stream = f"KV_{bucket}"
        self.api(f"STREAM.INFO.{stream}", f"STREAM.MSG.GET.{stream}", f"DIRECT.GET.{stream}.>")
        self.api(f"CONSUMER.CREATE.{stream}", f"CONSUMER.CREATE.{stream}.>", f"CONSUMER.INFO.{stream}.*")
        self.api(f"CONSUMER.DELETE.{stream}.*")
        self.publish.add(f"$JS.FC.{stream}.>")

    def share(self, durable: str) -> None:
        """Take part in a durable consumer of contract events."""
        stream = subjects.HUB
        self.api(f"STREAM.INFO.{stream}", f"CONSUMER.INFO.{stream}.{durable}", f"CONSUMER.MSG.NEXT.{stream}.{durable}")
        self.api(f"CONSUMER.DURABLE.CREATE.{stream}.{durable}", f"CONSUMER.CREATE.{stream}.{durable}")
        self.api(f"CONSUMER.CREATE.{stream}.{durable}.>")
        self.publish.update((f"$JS.ACK.{stream}.{durable}.>", _LETTERS_OF_CONTRACTS))

    def use_objects(self, *, write: bool) -> None:
        self.read(f"OBJ_{subjects.ASSETS}")
        if write:
            self.api(f"STREAM.PURGE.OBJ_{subjects.ASSETS}")
            self.publish.add(f"$O.{subjects.ASSETS}.>")


def inbox_of(process: str) -> str:
    """Return the first token of the subjects on which answers to a process come (`HUB_NATS__INBOX_PREFIX`)."""
    return f"{INBOX}_{process}"


def processes() -> dict[str, tuple[str, ...]]:
    """Return the kinds of process and the rooms that each runs, as the Procfile says."""
    found = {}
    for program in procfile.read(procfile.find()):
        words = shlex.split(program.command)[2:]
        rooms = [word for before, word in zip(["", *words], words, strict=False) if "--listen" not in (before, word)]
        found[program.name] = tuple(rooms)
    return found


async def permissions_of(process: str, rooms: Iterable[str], sinks: Iterable[str] = ()) -> Permissions:
    """Return what a process that runs these rooms may do.

    Args:
        process: name of its credential.
        rooms: what it runs.
        sinks: subjects that Subscriptions may name as sinks, with wildcards.
    """
    found, answers = _Subjects(), [OPERATOR]
    found.follow(subjects.LAYOUT)
    found.api("INFO")
    found.publish.add(_TRACES)
    found.subscribe.add(f"{inbox_of(process)}.>")
    for room in rooms:
        await _add_built(found, room)
        _add_besides(found, _BESIDES[room])
        answers += _BESIDES[room].answers
        found.publish.update(sinks if room == "dispatch" else ())
    knows_askers = len(answers) > 1
    if knows_askers:
        found.publish.update(f"{inbox_of(asker)}.>" for asker in answers)
    return Permissions(tuple(sorted(found.publish)), tuple(sorted(found.subscribe)), not knows_askers)


async def _add_built(found: _Subjects, room: str) -> None:
    """Add what a room shows once it is built."""
    from hub.house import Running
    from hub.kernel.broker import Bus
    from hub.kernel.client import Client
    from hub.kernel.keys import Keys
    from hub.settings import HubSettings

    with tempfile.TemporaryDirectory() as directory:
        running = Running(HubSettings.model_construct(**_defaults(Path(directory))))
        house = running.furnish(Bus(Client()), Keys(bytes(32)))
        built = running.build(room)
    for bucket in {*house.views, *house.writers}:
        found.follow(bucket)
    found.publish.update(f"$KV.{bucket}.>" for bucket in house.writers)
    for subscriber in built.router.subscribers if built.router else ():
        heard: Any = subscriber
        if getattr(heard, "stream", None) is None:
            found.subscribe.add(heard.subject.broker_address)
        else:
            found.share(str(heard.config.durable_name))


def _defaults(data_dir: Path) -> dict[str, Any]:
    """Return the settings as they are with an empty environment: what a process may do does not follow from it."""
    from hub.settings import HubSettings

    fields = HubSettings.model_fields
    values = {name: fields[name].get_default(call_default_factory=True) for name in fields}
    return values | {"data_dir": data_dir}


def _add_besides(found: _Subjects, besides: Besides) -> None:
    found.publish.update((*besides.publishes, *besides.asks))
    found.subscribe.update(besides.hears)
    for stream in besides.reads:
        found.read(stream)
    for stream in besides.removes:
        found.api(f"STREAM.MSG.DELETE.{stream}")
    if besides.reads_objects or besides.writes_objects:
        found.use_objects(write=besides.writes_objects)
    found.api(*besides.api)
