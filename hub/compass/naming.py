"""Names as the Runtime Agent makes them: Applications, Services, Secrets, addresses at the gateway.

Other components find an Application and its APIs by these names, so they are upstream's to the letter.

Source: kyma-project/application-connector-manager:components/compass-runtime-agent/internal (normaliser);
kyma-project/kyma:components/compass-runtime-agent/internal/kyma@2.20.0 (names of Services and Secrets).
"""

import hashlib
import re

from contracts.application import names

_NOT_ALLOWED = re.compile(r"[^-a-z0-9]")
_RUN = re.compile(r"-{2,}")
_OTHER = re.compile(r"[^A-Za-z0-9]+")
_PREFIX = "mp-"
_NAME_PART = 26
"""63 characters of a Secret's name, less a UUID and a dash."""
_CUT = 57
"""63 characters of a Service's name, less a dash and five digits of a hash."""


def application_name(name: str, *, is_normalised: bool) -> str:
    """Return the name of an Application here.

    Args:
        name: as the Director says it.
        is_normalised: whether the Director has normalised it already; then it stays as it is.
    """
    if is_normalised or (name.startswith(_PREFIX) and _normalised(name) == name):
        return name
    return _normalised(_PREFIX + name)


def _normalised(name: str) -> str:
    return _RUN.sub("-", _NOT_ALLOWED.sub("-", name.lower())).removesuffix("-")


def normalise(display_name: str) -> str:
    """Return a display name as part of an address: lower-case alphanumerics and single dashes, at most 57."""
    return _OTHER.sub("-", display_name).lower().removesuffix("-")[:_CUT].removeprefix("-")


def service_name(display_name: str, bundle_id: str) -> str:
    """Return the `name` of the Service that stands for a bundle."""
    digits = hashlib.sha1(bundle_id.encode(), usedforsecurity=False).hexdigest()[:5]
    return f"{normalise(display_name)}-{digits}".removeprefix("-")


def credentials_name(application: str, bundle_id: str) -> str:
    """Return the name of the Secret with the credentials of a bundle."""
    return f"{application[:_NAME_PART]}-{bundle_id}"


def parameters_name(application: str, bundle_id: str) -> str:
    """Return the name of the Secret with the headers and query parameters of a bundle."""
    return f"{f'params-{application}'[:_NAME_PART]}-{bundle_id}"


def gateway_path(application: str, bundle: str, api: str) -> str:
    """Return the path of an API at the gateway, in its Compass form; the Application's name stays as it is.

    By the rule of who serves it: that one and upstream's agent differ where a name is cut beside a dash.
    """
    return f"{application}/{names.normalise(bundle)}/{names.normalise(api)}"
