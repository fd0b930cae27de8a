"""DNS-1123 subdomains: what Kubernetes takes as the name of a resource, and so what Kyma's manifests may hold."""

import re

PATTERN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
"""As Kubernetes writes it in its refusals."""

_SUBDOMAIN = re.compile(PATTERN)


def has_form(name: str) -> bool:
    """Tell whether a name has the form of a subdomain, however long it is."""
    return _SUBDOMAIN.fullmatch(name) is not None


def is_subdomain(name: str) -> bool:
    """Tell whether a name is a subdomain: of the form, and of at most 253 characters."""
    return len(name) <= 253 and has_form(name)
