"""Signs HTTP deliveries by Standard Webhooks. Pure.

While a key is rotated both are in the Secret, `current` and `previous`, and each delivery carries a signature by each:
receivers may change theirs at any moment in between.

Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md; the same as Svix'.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from hub.kernel.errors import InvalidField

CURRENT, PREVIOUS = "current", "previous"
_PREFIX = "whsec_"
_LEAST_BYTES = 16


def keys_of(values: Mapping[str, str], secret_name: str) -> tuple[bytes, ...]:
    """Return the keys of a Secret, the current one first.

    Raises:
        InvalidField: the Secret has no `current`, or a value that is no key; the text never holds the value.
    """
    if CURRENT not in values:
        raise InvalidField(f"Secret '{secret_name}' has no value '{CURRENT}', the signing key.", field=CURRENT)
    return tuple(_key(values[name], name, secret_name) for name in (CURRENT, PREVIOUS) if name in values)


def _key(value: str, name: str, secret_name: str) -> bytes:
    try:
        key = base64.b64decode(value.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_BYTES:
        raise InvalidField(
            f"'{name}' of Secret '{secret_name}' is no signing key: whsec_ and {_LEAST_BYTES} bytes or more as base64.",
            field=name,
        )
    return key


def message_id(source: str, event_id: str) -> str:
    """Return the id of a delivery: the same for every attempt, different for events of different sources."""
    return "msg_" + hashlib.sha256(f"{source}\0{event_id}".encode()).hexdigest()[:32]


def signed_headers(keys: Sequence[bytes], identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a signed delivery.

    Args:
        keys: as bytes; one signature by each.
        identity: of the message.
        timestamp: of this attempt, in seconds since 1970.
        body: as it is sent.
    """
    text = b"%b.%d.%b" % (identity.encode(), timestamp, body)
    signatures = [base64.b64encode(hmac.digest(key, text, "sha256")).decode() for key in keys]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
