"""Who keeps an Application: whoever registered it, or Compass. Read from its labels alone, the same for every reader.

Source: kyma-project/kyma:components/compass-runtime-agent/internal/kyma/apps-converter@2.20.0
"""

from collections.abc import Mapping

MANAGED_BY = "applicationconnector.kyma-project.io/managed-by"
"""Label that names who keeps an Application."""
COMPASS = "compass-runtime-agent"
"""Its value on Applications that mirror the Director's."""


def is_managed(labels: Mapping[str, str]) -> bool:
    """Tell by its labels whether Compass keeps an Application."""
    return labels.get(MANAGED_BY) == COMPASS
