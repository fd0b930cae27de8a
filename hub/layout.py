"""Streams, buckets and the object store: declared by whichever process comes first, checked by one look-up after that.

`layout` is the bucket that remembers what was declared; equal settings mean nothing is left to declare, so that the
start of each further process costs one request.
"""

import asyncio
import hashlib
from typing import Any

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    KeyValueConfig,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamSource,
)
from nats.js.errors import APIError, BadRequestError, BucketNotFoundError, KeyNotFoundError, NotFoundError

from contracts import subjects
from hub.kernel.errors import BrokerUnavailable, Misconfigured
from hub.kernel.settings import KernelSettings

log = structlog.get_logger()
_HOUR = 3600.0
_AUDIT_DAYS = 400
# Unlimited consumers fall back to nats-server's own default of 1,000 per stream, so the number is said here.
_MAX_CONSUMERS = 100_000
_TOKEN_TTL_SECONDS = 600.0
_STREAM_NAME_IN_USE = 10058
_NO_CLUSTER = 10074
_REVISION = "4"


def streams_of(settings: KernelSettings) -> list[StreamConfig]:
    """Return the streams, by settings."""
    kept = settings.streams

    def stream(name: str, hours: float, **special: Any) -> StreamConfig:
        usual = {"subjects": subjects.STREAM_SUBJECTS.get(name), "max_bytes": 1024**3, "duplicate_window": 120.0}
        usual |= {"num_replicas": settings.nats.replicas}
        config = StreamConfig(
            name=name,
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=hours * _HOUR,
            max_consumers=_MAX_CONSUMERS,
            **(usual | special),
        )
        if hours:  # nats-server refuses to remember repetitions for longer than it keeps messages
            config.duplicate_window = min(config.duplicate_window or 0.0, hours * _HOUR)
        return config

    limits = {"max_bytes": kept.max_bytes, "duplicate_window": kept.duplicate_window_seconds}
    # Copied by the server itself out of the contract events.
    records = [StreamSource(name=subjects.HUB, filter_subject=subjects.AUDIT_RECORDS)]
    return [
        stream(subjects.EVENTS, kept.max_age_hours, discard=DiscardPolicy.NEW, **limits),
        stream(subjects.HUB, 7 * 24),
        stream(subjects.AUDIT, _AUDIT_DAYS * 24, sources=records),
        # A dead letter is the only place where its event still is: when full, the event waits instead.
        stream(subjects.DEAD, 30 * 24, discard=DiscardPolicy.NEW),
        stream(subjects.ATTEMPTS, kept.attempts_max_age_hours),
        # Copies would cost more than the loss of a few spans does.
        stream(subjects.TRACES, kept.traces_max_age_hours, max_bytes=kept.traces_max_bytes, num_replicas=1),
        # What is kept aside was answered as stored: no age and no limit may take it away unseen.
        stream(subjects.QUARANTINE, 0, discard=DiscardPolicy.NEW),
    ]


def fingerprint(settings: KernelSettings) -> bytes:
    """Return what tells two layouts apart."""
    names = f"{sorted(subjects.STREAM_SUBJECTS.items())} {subjects.BUCKETS}"
    parts = [_REVISION, settings.streams.model_dump_json(), str(settings.nats.replicas), names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest().encode()


async def declare(js: JetStreamContext, settings: KernelSettings) -> None:
    """Make sure that every stream and bucket is there, with these settings. Safe to run in several processes at once.

    Raises:
        BrokerUnavailable: the server refuses or does not answer, or this process may not and nobody else did.
        Misconfigured: a single server cannot keep several copies.
    """
    wanted = fingerprint(settings)
    try:
        found = await _declared(js)
        if found == wanted:
            return
        if not settings.nats.declare_layout and not found:
            raise BrokerUnavailable("The event store holds no streams and buckets yet; run `hub nats declare`.")
        if not settings.nats.declare_layout:  # in an upgrade that is so for a while
            log.warning("layout.differing", remedy="run `hub nats declare`")
            return
        await asyncio.gather(*(_declare_stream(js, config) for config in streams_of(settings)))
        await asyncio.gather(*(_declare_bucket(js, name, settings) for name in subjects.BUCKETS))
        await _declare_objects(js, settings.nats.replicas)
        layout = await js.key_value(subjects.LAYOUT)
        await layout.put("fingerprint", wanted)
    except (APIError, NatsError, TimeoutError) as error:
        problem = f"{getattr(error, 'description', '') or error!r} (HUB_NATS__REPLICAS is {settings.nats.replicas})"
        if getattr(error, "err_code", 0) == _NO_CLUSTER:
            raise Misconfigured(f"The event store is a single server: {problem}.") from error
        raise BrokerUnavailable(f"The event store cannot be prepared: {problem}.") from error
    log.info("layout.declared", streams=len(streams_of(settings)), buckets=len(subjects.BUCKETS))


async def _declared(js: JetStreamContext) -> bytes | None:
    try:
        layout = await js.key_value(subjects.LAYOUT)
        return (await layout.get("fingerprint")).value
    except (BucketNotFoundError, KeyNotFoundError, NotFoundError):
        return None


async def _declare_stream(js: JetStreamContext, config: StreamConfig) -> None:
    try:
        await js.add_stream(config)
    except BadRequestError as error:
        if error.err_code != _STREAM_NAME_IN_USE:
            raise
        await js.update_stream(config)


async def _declare_bucket(js: JetStreamContext, name: str, settings: KernelSettings) -> None:
    # How long a bucket keeps an entry that is not written again; what is not listed stays for ever.
    kept = {subjects.TOKENS: _TOKEN_TTL_SECONDS, subjects.RETRIES: settings.streams.max_age_hours * _HOUR}
    copies = settings.nats.replicas
    try:
        await js.create_key_value(
            KeyValueConfig(bucket=name, history=1, replicas=copies, storage=StorageType.FILE, ttl=kept.get(name))
        )
    except BadRequestError as error:
        await _copy(js, f"KV_{name}", copies, error)


async def _declare_objects(js: JetStreamContext, copies: int) -> None:
    try:
        await js.create_object_store(subjects.ASSETS, ObjectStoreConfig(bucket=subjects.ASSETS, replicas=copies))
    except BadRequestError as error:
        await _copy(js, f"OBJ_{subjects.ASSETS}", copies, error)


async def _copy(js: JetStreamContext, stream: str, copies: int, error: BadRequestError) -> None:
    """Give what could not be made because it is there as many copies as are wanted."""
    if error.err_code != _STREAM_NAME_IN_USE:
        raise error
    config = (await js.stream_info(stream)).config
    if config.num_replicas != copies:
        config.num_replicas = copies
        await js.update_stream(config)
