"""How the Director normalizes the names of applications."""

import re


def normalized(name: str) -> str:
    """Return a name as the Director normalizes it."""
    plain = re.sub(r"-{2,}", "-", re.sub(r"[^-a-z0-9]", "-", name.lower())).removesuffix("-")
    if name.startswith("mp-") and plain == name:
        return name
    return re.sub(r"-{2,}", "-", re.sub(r"[^-a-z0-9]", "-", f"mp-{name}".lower())).removesuffix("-")
