"""Under which names the gateway serves the APIs of an Application: the same for who registers and who calls.

Source: `kyma-project/kyma:components/central-application-gateway/pkg/apiextractor`, `normalization.go@2.20.0`.
"""

import re

NORMALISED_LIMIT = 57
"""63 characters, less a dash and the five characters of the id's hash."""

_OTHER = re.compile(r"[^A-Za-z0-9]+")


def normalise(display_name: str) -> str:
    """Return the name under which the gateway serves an API: lower-case alphanumerics and single dashes."""
    dashed = _OTHER.sub("-", display_name).lower().strip("-")
    return dashed[:NORMALISED_LIMIT].strip("-")
