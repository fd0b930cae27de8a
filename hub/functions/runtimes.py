"""Which runtime names there are and what runs them. Pure.

Published manifests name retired runtimes almost without exception; they are taken as what they meant, and the status
says so. Unknown names are refused with upstream's own text. A name also says how a handler is called: see `style_of`.
"""

import sys
from typing import Literal

SUPPORTED = ("nodejs20", "nodejs22", "nodejs24", "python312")
"""What upstream's schema names today."""

COMING = ("nodejs26", "python314")
"""What upstream ships and does not name in its schema yet: the handlers that get the request itself."""

RETIRED = (
    "nodejs6", "nodejs8", "nodejs10", "nodejs12", "nodejs14", "nodejs16", "nodejs18",
    "python27", "python37", "python38", "python39", "python310", "python311",
)  # fmt: skip
"""What manifests of older generations name."""

DEFAULT = "nodejs22"
"""For a Function without a runtime; upstream's default of the generation that allowed it was Node as well."""

Family = Literal["python", "node"]
Style = Literal["event", "request", "kubeless"]
"""`main(event, context)`; `main()` or `main(req, res)`; the event of Kyma 1 with `event-type` keys."""

_DEPRECATED = "Warning: function configured, runtime {} is deprecated and will be removed in the future"


def is_known(runtime: str) -> bool:
    """Say whether a Function may name this runtime."""
    return runtime in SUPPORTED or runtime in RETIRED or runtime in COMING


def family_of(runtime: str) -> Family:
    """Return the language that runs a runtime's Functions."""
    return "python" if runtime.startswith("python") else "node"


def style_of(runtime: str) -> Style:
    """Return how a runtime's handlers are called."""
    if runtime in COMING:
        return "request"
    return "kubeless" if runtime in ("nodejs6", "nodejs8") else "event"


def is_python(runtime: str) -> bool:
    """Say whether a runtime runs Python."""
    return family_of(runtime) == "python"


def interpreter() -> str:
    """Return the name of the hub's own interpreter as a runtime."""
    return f"python{sys.version_info.major}{sys.version_info.minor}"


def named(family: Family, version: str) -> str:
    """Return an interpreter's version (`22.1.0`) as a runtime: `nodejs22`, `python312`."""
    major, _, rest = version.partition(".")
    return f"nodejs{major}" if family == "node" else f"python{major}{rest.partition('.')[0]}"


def explained(runtime: str, running: str) -> str:
    """Return what the status says about the runtime that was asked for; empty when there is nothing to say.

    Args:
        runtime: the name the Function gives.
        running: the interpreter that runs it, as a runtime name; empty when that is not known.
    """
    if not running or runtime == running:
        return ""
    retired = "is retired and " if runtime in RETIRED else ""
    whose = "the hub's own interpreter, " if running == interpreter() else ""
    return f"runtime {runtime} {retired}runs on {whose}{running}"


def configured_text(runtime: str) -> str:
    """Return upstream's text of the condition that the configuration is in order."""
    return _DEPRECATED.format(runtime) if runtime == "nodejs20" else "Function configured"


def refusal(runtime: str) -> str:
    """Return upstream's text for a runtime that does not exist."""
    supported = ", ".join(f'"{name}"' for name in SUPPORTED)
    return f'Unsupported value: "{runtime}": supported values: {supported}'
