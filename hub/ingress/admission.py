"""Is this event acceptable, and as what? Pure.

The source is what the caller's identity says; the subject is made of source and type; the data stays untouched. Cost
per event does not depend on how many applications or types there are: what is expected of a type is one look-up.
"""

import hashlib
import re

import orjson

from contracts import verbatim
from contracts.envelope import DEPTH, encode_value
from hub.ingress import quarantine
from hub.ingress.bounds import check_headers
from hub.ingress.dialects.cloudevents import is_json
from hub.ingress.dialects.kyma_v1 import is_timestamp
from hub.ingress.expectations import Expectation
from hub.ingress.model import Admitted, Draft
from hub.ingress.rules import Rules
from hub.kernel.errors import ContractViolation, InvalidInput
from hub.kernel.lines import header_lines

_NAME = re.compile(r"[a-zA-Z0-9]+")
_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
MEDIA = re.compile(r"[\w.+*!#$&^-]+/[\w.+*!#$&^-]+\s*(;.*)?", re.ASCII)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SPEC_VERSIONS = {"1.0", "0.3"}
_STAMPED = {"source", "type", DEPTH}
"""What the hub says of an event, whatever the event says itself."""


def check_attributes(draft: Draft) -> None:
    """Refuse what CloudEvents does not allow; every violation is a line of its own, as upstream writes them.

    Raises:
        InvalidInput: with all violations.
    """
    given = draft.attributes
    wrong = []
    if given.get("specversion") not in _SPEC_VERSIONS:
        wrong.append(f"specversion: must be 1.0 or 0.3, not {given.get('specversion', 'absent')!r}")
    for name in ("id", "type"):
        if not given.get(name, "").strip():
            wrong.append(f"{name}: MUST be a non-empty string")
    source = given.get("source", "")
    if not source.strip():
        wrong.append("source: REQUIRED")
    elif _BAD_PERCENT.search(source):
        wrong.append("source: is not a URI reference")
    wrong += _optional_violations(draft)
    if wrong:
        raise InvalidInput("".join(f"{line}\n" for line in wrong))


def _optional_violations(draft: Draft) -> list[str]:
    given = draft.attributes
    wrong = []
    if "time" in given and not is_timestamp(given["time"]):
        wrong.append("time: must be an RFC 3339 timestamp")
    if "subject" in given and not given["subject"].strip():
        wrong.append("subject: if present, MUST be a non-empty string")
    if "dataschema" in given and not _ABSOLUTE.match(given["dataschema"]):
        wrong.append("dataschema: if present, MUST be an absolute URI")
    if draft.content_type and not MEDIA.fullmatch(draft.content_type):
        wrong.append("datacontenttype: if present, MUST be a media type of RFC 2046")
    wrong += [f"bad key, {name!r}: names are letters and digits" for name in given if not _NAME.fullmatch(name)]
    return wrong


def admit(draft: Draft, source: str | None, rules: Rules, traceparent: str) -> Admitted:
    """Return the event as it is stored.

    Args:
        draft: the parsed event.
        source: what the caller's identity says; None keeps the event's own (trusted callers only).
        rules: what events are judged by.
        traceparent: trace context of the request.

    Raises:
        InvalidInput: the attributes or the type's name are not acceptable or too large, or JSON data is none.
        ContractViolation: the data breaks the type's schema and the type says `reject`.
    """
    check_attributes(draft)
    given = draft.attributes
    own = given["source"] if source is None else source
    address = rules.addresses.find(own, given["type"], stamped=source is not None)
    expectation = rules.known.find(own, address.plain_type)
    warning = _judge(draft, expectation)
    headers = {f"ce-{name.lower()}": encode_value(value) for name, value in given.items() if name not in _STAMPED}
    if draft.content_type:
        headers["ce-datacontenttype"] = encode_value(draft.content_type)
    headers["traceparent"] = traceparent
    headers["Nats-Msg-Id"] = message_id(own, given["id"])
    check_headers(headers, address.lines)
    subject, aside = address.subject, quarantine.holds(expectation, warning)
    if aside:
        subject = quarantine.subject_of(subject)
        headers[quarantine.VIOLATION] = encode_value(warning)
    lines = address.lines + header_lines(headers)
    return Admitted(subject, lines, draft.data, given["id"], warning, expectation is not None, aside)


def message_id(source: str, event_id: str) -> str:
    """Return what tells two events apart, for the stream's de-duplication window."""
    return hashlib.blake2b(f"{source}\0{event_id}".encode(), digest_size=16).hexdigest()


def _judge(draft: Draft, expectation: Expectation | None) -> str:
    """Check the data: JSON must be JSON, and fit the type's schema. Returns a warning, or an empty text."""
    if not draft.data or not is_json(draft.content_type):
        return ""
    if expectation is None or not expectation.is_checked:
        if not verbatim.is_json(draft.data):
            _parsed(draft.data)
        return ""
    violation = expectation.violation(_parsed(draft.data))
    if violation is None:
        return ""
    pointer, text = violation
    if expectation.check == "reject":
        raise ContractViolation(
            f"The data of {draft.attributes['type']} breaks its schema at '{pointer or '/'}': {text}", pointer=pointer
        )
    return f"{pointer or '/'} {text}"


def _parsed(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The data is said to be JSON but is not: {error}.") from error
