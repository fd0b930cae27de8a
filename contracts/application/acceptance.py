"""Which client certificates speak for an Application: read from its document alone, the same for every reader.

The names are those of upstream's validators: without client ids the common name is the Application's own name; with
client ids it is one of them and the Application's name is not accepted any more. Tenant and group count only together.

Source: kyma-project/kyma:components/application-connectivity-validator/internal/validationproxy@1.24.0
"""

from collections.abc import Mapping
from typing import Any

Subjects = tuple[frozenset[str], tuple[tuple[str, str], ...]]
"""Accepted common names, and further attributes the subject must have, by short name."""


def accepted_subjects(name: str, spec: Mapping[str, Any]) -> Subjects:
    """Return which certificate subjects speak for an Application, by its name and `spec`."""
    authentication = _map(_map(spec.get("compassMetadata")).get("authentication"))
    client_ids = authentication.get("clientIds")
    names = frozenset(map(str, client_ids)) if isinstance(client_ids, list) and client_ids else frozenset({name})
    tenant, group = tenant_and_group(spec)
    return names, (("O", tenant), ("OU", group)) if tenant else ()


def tenant_and_group(spec: Mapping[str, Any]) -> tuple[str, str]:
    """Return tenant and group of an Application; two empty texts unless it has both."""
    tenant, group = spec.get("tenant"), spec.get("group")
    return (str(tenant), str(group)) if tenant and group else ("", "")


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
