"""Durations as people write them in a manifest: `500ms`, `30s`, `1m30s`, `24h`, `7d`. Pure."""

import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
# As far as timestamps reach: longer would be for ever.
LONGEST = timedelta(days=36500).total_seconds()


def seconds_of(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: the text is no duration, or longer than a century.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"'{text[:40]}' is no duration; write it as 500ms, 30s, 5m, 24h or 1m30s")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST:
        raise ValueError(f"'{text[:40]}' is longer than a century")
    return seconds
