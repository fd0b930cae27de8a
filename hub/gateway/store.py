"""What is registered, as the gateway sees it: Applications and Secrets from their buckets, ready to be called.

Nothing is told that something changed: what is kept is compared with what the views hold, by identity, on every call.
That costs a dictionary hit per resource and makes every change effective on the next call.
"""

import base64
from dataclasses import dataclass

import orjson

from contracts import subjects
from hub.gateway.credentials import Values, api_of
from hub.gateway.lookup import find
from hub.gateway.model import Api, Names
from hub.gateway.options import options_of
from hub.gateway.settings import GatewaySettings
from hub.kernel.errors import Misconfigured, NotFound
from hub.kernel.keys import Keys
from hub.kernel.resource import CLUSTER, Resource, resource_key
from hub.kernel.state import View

_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Known:
    """An API and what it was made of."""

    api: Api
    callers: frozenset[str] | None
    application: Resource
    key: str
    """Of the Application, in its bucket."""
    secrets: tuple[tuple[str, Resource], ...]
    """Key in the bucket → Secret."""


class Directory:
    """Finds APIs by the names in a path."""

    def __init__(
        self, applications: View[Resource], secrets: View[Resource], keys: Keys, settings: GatewaySettings
    ) -> None:
        """Take the views; nothing is read yet."""
        self._applications = applications
        self._secrets = secrets
        self._keys = keys
        self._settings = settings
        self._known: dict[Names, Known] = {}

    def find(self, names: Names) -> Known:
        """Return an API as it is registered now.

        Raises:
            NotFound: no such Application, Service or entry.
            InvalidInput: the names mean several APIs, or a Service without one.
            Misconfigured: it cannot be called; a Secret is missing, for example.
        """
        known = self._known.get(names)
        if known is None or not self._is_current(known):
            known = self._make(names)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[names] = known
        return known

    def _is_current(self, known: Known) -> bool:
        if self._applications.get(known.key) is not known.application:
            return False
        for key, secret in known.secrets:  # noqa: SIM110 - `all` would make a generator per call
            if self._secrets.get(key) is not secret:
                return False
        return True

    def _make(self, names: Names) -> Known:
        application = self._applications.get(resource_key(CLUSTER, names.application))
        if application is None:
            raise NotFound(f"application {names.application} not found; register it or correct the path")
        _, entry = find(application.spec, names)
        options = options_of(application.annotations, names.service, timeout_seconds=self._settings.timeout_seconds)
        used: dict[str, Resource] = {}

        def values_of(name: str) -> Values:
            key = resource_key(self._settings.secret_scope, name)
            secret = self._secrets.get(key)
            if secret is None:
                raise Misconfigured(f"the Secret {name} does not exist in the scope {self._settings.secret_scope}")
            used[key] = secret
            return self._opened(secret)

        api = api_of(names, application.spec, entry, values_of, options)
        return Known(api, options.callers, application, application.key, tuple(used.items()))

    def _opened(self, secret: Resource) -> Values:
        sealed = base64.b64decode(secret.spec.get("sealed", ""))
        values = orjson.loads(self._keys.open(sealed, f"{subjects.SECRETS}/{secret.key}"))
        return {name: base64.b64decode(value).decode("utf-8", "replace") for name, value in values.items()}
