"""Which runtime names there are and what runs them. Pure.

Published manifests name retired runtimes almost without exception; they are taken as what they meant, and the status
says so. Unknown names are refused with upstream's own text.
"""

import sys

SUPPORTED = ("nodejs20", "nodejs22", "nodejs24", "python312")
"""What upstream's schema names today."""

RETIRED = (
    "nodejs6", "nodejs8", "nodejs10", "nodejs12", "nodejs14", "nodejs16", "nodejs18",
    "python27", "python37", "python38", "python39", "python310", "python311",
)  # fmt: skip
"""What manifests of older generations name."""

DEFAULT = "nodejs22"
"""For a Function without a runtime; upstream's default of the generation that allowed it was Node as well."""


def is_python(runtime: str) -> bool:
    """Say whether a runtime runs Python."""
    return runtime.startswith("python")


def interpreter() -> str:
    """Return the name of the hub's own interpreter as a runtime."""
    return f"python{sys.version_info.major}{sys.version_info.minor}"


def explained(runtime: str) -> str:
    """Return what the status says about the runtime that was asked for; empty when there is nothing to say."""
    own = interpreter()
    if not is_python(runtime) or runtime == own:
        return ""
    retired = "is retired and " if runtime in RETIRED else ""
    return f"runtime {runtime} {retired}runs on the hub's own interpreter, {own}"


def refusal(runtime: str) -> str:
    """Return upstream's text for a runtime that does not exist."""
    supported = ", ".join(f'"{name}"' for name in SUPPORTED)
    return f'Unsupported value: "{runtime}": supported values: {supported}'
