"""What a Function depends on, read from the text of its dependency file. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from hub.kernel.errors import InvalidInput

FILES = {"python": "requirements.txt", "node": "package.json"}
_RELEVANT = ("dependencies", "optionalDependencies", "peerDependencies", "overrides")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Dependencies to be installed."""

    family: Literal["python", "node"]
    text: str
    """What the installer is given: lines of requirements, or a package.json."""
    interpreter: str
    """Version and platform it is installed for."""
    registry: Mapping[str, bytes] = field(default_factory=dict)
    """Configuration of private registries: `pip.conf`, `.npmrc`."""

    @property
    def address(self) -> str:
        """Return the name of the environment: the same text on the same interpreter is the same environment."""
        said = f"{self.family}\n{self.interpreter}\n{self.text}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]


def requirements_of(text: str) -> str:
    """Return the lines of requirements that say something; `{}` is what Node manifests write for none."""
    lines = (line.strip() for line in text.splitlines())
    said = "\n".join(line for line in lines if line and not line.startswith("#"))
    return "" if said == "{}" else said


def manifest_of(text: str) -> dict[str, Any]:
    """Return a package.json; an empty text is an empty one.

    Raises:
        InvalidInput: it is no JSON object, or its dependencies are no map of texts.
    """
    try:
        manifest = orjson.loads(text) if text.strip() else {}
    except orjson.JSONDecodeError as error:
        raise _refused(f"package.json is not JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise _refused("package.json is no JSON object")
    for name in ("dependencies", "optionalDependencies"):
        entries = manifest.get(name, {})
        if not isinstance(entries, dict) or not all(isinstance(version, str) for version in entries.values()):
            raise _refused(f"package.json: '{name}' is no map of package names to versions")
    return manifest


def packages_of(manifest: Mapping[str, Any]) -> str:
    """Return the part of a package.json that decides what is installed; empty when nothing is."""
    said = {name: manifest[name] for name in _RELEVANT if manifest.get(name)}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode() if said else ""


def _refused(text: str) -> InvalidInput:
    return InvalidInput(f"The dependencies cannot be read: {text}.", reason="DependenciesFailed")
