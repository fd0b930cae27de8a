"""What the endpoints for events take and answer, as values for the OpenAPI document of the edge."""

from contracts.surface import TEXT, Answer, Content, Description, Operation, Schema, reference

_JSON = "application/json"
_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_PROBLEM: dict[str, Schema] = {"application/problem+json": reference("Problem")}
_VALIDATOR: Content = {_JSON: reference("EdgeError")}
_PLAIN: dict[str, Schema] = {"text/plain": TEXT}
_REFUSED: dict[str, Schema] = {_JSON: reference("LegacyError")}
_RECEIPT = {
    "Hub-Stream": "Stream that holds the event.",
    "Hub-Sequence": "Its place there; `first..last` of a batch.",
    "Hub-Duplicate": "Whether it was there already; of a batch how many.",
    "Hub-Durability": "What storing it has guaranteed.",
}
_CE = {
    "ce-specversion": "Binary mode: version of CloudEvents.",
    "ce-id": "Binary mode: id of the event.",
    "ce-source": "Binary mode: passed over; the source is the Application.",
    "ce-type": "Binary mode: type of the event.",
}
_EVENTS: Content = {
    _STRUCTURED: reference("CloudEvent"),
    _BATCH: {"type": "array", "items": reference("CloudEvent")},
    _JSON: {"description": "The data of an event in binary mode."},
}
_CALLER = {
    401: Answer("No client certificate was presented, or it has ended.", _VALIDATOR),
    403: Answer("The certificate speaks for another Application, or is revoked.", _VALIDATOR),
    404: Answer("There is no such Application.", _VALIDATOR),
}


def _refusals(refused: Content, *, invalid: Content) -> dict[int, Answer]:
    return {
        400: Answer("It is no event; the text says why.", invalid),
        413: Answer("It is larger than the limit.", refused),
        415: Answer("The body is none of the media types, or is encoded in an unknown way.", refused),
        422: Answer("The data breaks the registered schema, where checking is set to refuse.", refused),
        429: Answer("The Application posts faster than its limit; Retry-After says when to go on.", refused),
        503: Answer("It could not be stored; post it again under the same id.", refused),
        507: Answer("The event store is full; nothing unread is discarded.", refused),
    }


_CLOUDEVENTS = _CALLER | _refusals(_PROBLEM, invalid=_PLAIN) | {
    200: Answer("A result per event of the batch, where `Prefer` asks for it.", {_JSON: {"type": "array"}}),
    204: Answer("Stored.", headers=_RECEIPT),
}  # fmt: skip
_ACCEPTED = {200: Answer("Stored.", {_JSON: reference("LegacyAccepted")}, headers=_RECEIPT)}
_LEGACY = _CALLER | _refusals(_REFUSED, invalid=_REFUSED) | _ACCEPTED
_MIXED: Content = _PROBLEM | _REFUSED
_SECOND = _CLOUDEVENTS | _refusals(_MIXED, invalid=_PLAIN | _REFUSED) | {
    200: Answer("Stored; or a result per event of a batch.", {_JSON: {}}, headers=_RECEIPT),
}  # fmt: skip


def _handshake(path: str) -> Operation:
    return Operation(
        "OPTIONS",
        path,
        "Ask for leave to deliver, as CloudEvents webhook senders do",
        _CALLER
        | {
            200: Answer("Granted.", headers={"WebHook-Allowed-Origin": "Who.", "WebHook-Allowed-Rate": "Per minute."}),
            405: Answer("The request names no origin."),
        },
        headers={"WebHook-Request-Origin": "Who asks."},
    )


_PREFER = {"Prefer": "`return=representation`: answer with a result per event of a batch."}

DESCRIPTION = Description(
    "Events",
    (
        Operation("POST", "/{application}/events", "Post CloudEvents", _CLOUDEVENTS, _EVENTS, headers=_CE | _PREFER),
        _handshake("/{application}/events"),
        Operation(
            "POST",
            "/{application}/v2/events",
            "Post CloudEvents, or one event in the 0.3 form",
            _SECOND,
            _EVENTS,
            headers=_CE | _PREFER,
        ),
        _handshake("/{application}/v2/events"),
        Operation(
            "POST",
            "/{application}/v1/events",
            "Post one event in the legacy form",
            _LEGACY,
            {_JSON: reference("LegacyEvent")},
        ),
        Operation(
            "GET",
            "/{application}/v1/events/subscribed",
            "List the event types that somebody subscribes to",
            _CALLER | {200: Answer("The types.", {_JSON: reference("Subscribed")})},
        ),
    ),
    {
        "EdgeError": {
            "type": "object",
            "required": ["code", "error"],
            "properties": {"code": {"type": "integer"}, "error": TEXT},
        },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status"],
            "properties": {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
        },
        "CloudEvent": {
            "type": "object",
            "required": ["specversion", "id", "type"],
            "properties": dict.fromkeys(("specversion", "id", "source", "type", "time", "subject"), TEXT),
        },
        "LegacyEvent": {
            "type": "object",
            "required": ["event-type", "event-type-version", "event-time", "data"],
            "properties": {
                **dict.fromkeys(("event-type", "event-type-version", "event-id", "event-time"), TEXT),
                "data": {},
            },
        },
        "LegacyAccepted": {
            "type": "object",
            "required": ["event-id"],
            "properties": {"event-id": TEXT, "status": TEXT, "reason": TEXT},
        },
        "LegacyError": {
            "type": "object",
            "required": ["status"],
            "properties": {
                "status": {"type": "integer"},
                "type": TEXT,
                "message": TEXT,
                "moreInfo": TEXT,
                "details": {"type": "array", "items": {"type": "object", "additionalProperties": TEXT}},
            },
        },
        "Subscribed": {
            "type": "object",
            "required": ["eventsInfo"],
            "properties": {
                "eventsInfo": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "version"],
                        "properties": {"name": TEXT, "version": TEXT},
                    },
                }
            },
        },
    },
)
