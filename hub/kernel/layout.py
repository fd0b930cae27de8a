"""Streams, buckets and the object store: declared by whichever process comes first, checked by one look-up after that.

`layout` is the bucket that remembers what was declared; equal settings mean nothing is left to declare, so that the
start of each further process costs one request.
"""

import asyncio
import hashlib

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
from hub.kernel.errors import BrokerUnavailable
from hub.kernel.settings import KernelSettings

log = structlog.get_logger()
_HOUR = 3600.0
_AUDIT_DAYS = 400
# Unlimited consumers fall back to nats-server's own default of 1,000 per stream, so the number is said here.
_MAX_CONSUMERS = 100_000
_TOKEN_TTL_SECONDS = 600.0
_STREAM_NAME_IN_USE = 10058
_REVISION = "4"


def streams_of(settings: KernelSettings) -> list[StreamConfig]:
    """Return the streams, by settings."""
    kept = settings.streams
    replicas = settings.nats.replicas
    return [
        StreamConfig(
            name=subjects.EVENTS,
            subjects=subjects.STREAM_SUBJECTS[subjects.EVENTS],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=kept.max_bytes,
            max_age=kept.max_age_hours * _HOUR,
            duplicate_window=kept.duplicate_window_seconds,
            max_consumers=_MAX_CONSUMERS,
            num_replicas=replicas,
        ),
        _small(subjects.HUB, 7 * 24 * _HOUR, replicas),
        _audit(replicas),
        # A dead letter is the only place where its event still is: when full, the event waits instead.
        _small(subjects.DEAD, 30 * 24 * _HOUR, replicas, DiscardPolicy.NEW),
        _small(subjects.ATTEMPTS, kept.attempts_max_age_hours * _HOUR, replicas),
        # Copies would cost more than the loss of a few spans does.
        _small(subjects.TRACES, kept.traces_max_age_hours * _HOUR, 1, max_bytes=kept.traces_max_bytes),
        # What is kept aside was answered as stored: no age and no limit may take it away unseen.
        _small(subjects.QUARANTINE, 0, replicas, DiscardPolicy.NEW),
    ]


def _audit(replicas: int) -> StreamConfig:
    """Return the stream that keeps audit records: copied by the server itself out of the contract events."""
    return StreamConfig(
        name=subjects.AUDIT,
        sources=[StreamSource(name=subjects.HUB, filter_subject=subjects.AUDIT_RECORDS)],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=_AUDIT_DAYS * 24 * _HOUR,
        max_bytes=1024**3,
        duplicate_window=120.0,
        max_consumers=_MAX_CONSUMERS,
        num_replicas=replicas,
    )


def _small(
    name: str, max_age: float, replicas: int, discard: DiscardPolicy = DiscardPolicy.OLD, max_bytes: int = 1024**3
) -> StreamConfig:
    return StreamConfig(
        name=name,
        subjects=subjects.STREAM_SUBJECTS[name],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=discard,
        max_age=max_age,
        max_bytes=max_bytes,
        duplicate_window=120.0,
        max_consumers=_MAX_CONSUMERS,
        num_replicas=replicas,
    )


def fingerprint(settings: KernelSettings) -> bytes:
    """Return what tells two layouts apart."""
    names = f"{sorted(subjects.STREAM_SUBJECTS.items())} {subjects.BUCKETS}"
    parts = [_REVISION, settings.streams.model_dump_json(), str(settings.nats.replicas), names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest().encode()


async def declare(js: JetStreamContext, settings: KernelSettings) -> None:
    """Make sure that every stream and bucket is there, with these settings. Safe to run in several processes at once.

    Raises:
        BrokerUnavailable: the server refuses or does not answer.
    """
    wanted = fingerprint(settings)
    try:
        if await _declared(js) == wanted:
            return
        await asyncio.gather(*(_declare_stream(js, config) for config in streams_of(settings)))
        await asyncio.gather(*(_declare_bucket(js, name, settings) for name in subjects.BUCKETS))
        await _declare_objects(js, settings)
        layout = await js.key_value(subjects.LAYOUT)
        await layout.put("fingerprint", wanted)
    except (APIError, NatsError, TimeoutError) as error:
        raise BrokerUnavailable(f"The event store cannot be prepared: {error}") from error
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
    config = KeyValueConfig(
        bucket=name,
        history=1,
        replicas=settings.nats.replicas,
        storage=StorageType.FILE,
        ttl=_ttl_of(name, settings),
    )
    try:
        await js.create_key_value(config)
    except BadRequestError as error:
        if error.err_code != _STREAM_NAME_IN_USE:
            raise


def _ttl_of(bucket: str, settings: KernelSettings) -> float | None:
    """Return how long a bucket keeps an entry that is not written again; None for ever."""
    kept = {subjects.TOKENS: _TOKEN_TTL_SECONDS, subjects.RETRIES: settings.streams.max_age_hours * _HOUR}
    return kept.get(bucket)


async def _declare_objects(js: JetStreamContext, settings: KernelSettings) -> None:
    try:
        await js.create_object_store(
            subjects.ASSETS, ObjectStoreConfig(bucket=subjects.ASSETS, replicas=settings.nats.replicas)
        )
    except BadRequestError as error:
        if error.err_code != _STREAM_NAME_IN_USE:
            raise
