"""Which registered API the names in a path mean. Pure.

Source: kyma-project/kyma:components/central-application-gateway/internal/metadata/applications@2.20.0
"""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.application.names import normalise
from hub.gateway.model import Names
from hub.kernel.errors import InvalidInput, NotFound

Entry = Mapping[str, Any]
Found = tuple[Mapping[str, Any], Entry]
"""A Service and its entry."""


def find(spec: Mapping[str, Any], names: Names) -> Found:
    """Return the one Service and API entry that the names mean.

    Args:
        spec: of the Application.
        names: as the caller wrote them; Services go by their normalised display name, entries by their normalised name.

    Raises:
        NotFound: there is none.
        InvalidInput: there are several, or the Service has no API.
    """
    services = [each for each in spec.get("services") or () if normalise(each["displayName"]) == names.service]
    if not services:
        raise _missing(names)
    apis = [(service, entry) for service in services for entry in _apis(service)]
    if names.entry is None:
        if not apis:
            raise InvalidInput(f"service with name {names.service} has no API", service=names.service)
    else:
        apis = [(service, entry) for service, entry in apis if normalise(entry.get("name") or "") == names.entry]
        if not apis:
            raise _missing(names)
    if len(apis) > 1:
        raise InvalidInput(f"multiple APIs found: {_listed(apis)}; rename them, or use the path with three names")
    return apis[0]


def _apis(service: Mapping[str, Any]) -> Iterator[Entry]:
    return (entry for entry in service.get("entries") or () if entry.get("type") == "API")


def _missing(names: Names) -> NotFound:
    entry = "" if names.entry is None else f" and entry name {names.entry}"
    return NotFound(f"service with name {names.service}{entry} not found", service=names.service)


def _listed(apis: list[Found]) -> str:
    names = (
        f"service.ID: {service['id']}, service.DisplayName: {service['displayName']},"
        f" entry.Name: {entry.get('name', '')}"
        for service, entry in apis
    )
    return " | ".join(names)
