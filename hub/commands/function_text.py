"""What a Function printed, as people read it."""

import json


def shown(line: str) -> str:
    """Return a line of the log as people read it; what the process wrote past the log stays as it is.

    Time, stream, invocation, event, text.
    """
    try:
        said = json.loads(line)
        call, event = said.get("invocation") or "-", said.get("event") or "-"
        return f"{said['time'][11:23]} {said['stream'][3:]} {call} {event}  {said['text']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return line


def belongs(line: str, invocation: str) -> bool:
    """Say whether a line was printed by an invocation, or for an event."""
    try:
        said = json.loads(line)
        return invocation in (said.get("invocation"), said.get("event"), said.get("trace"))
    except (ValueError, AttributeError):
        return False
