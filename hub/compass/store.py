"""What this room keeps: the connection's resource and the lease on the work; and the Secrets it reads.

A lease has no clock in it: whoever waits for one sees that its revision has not changed for as long as it lasts, by the
own clock, and takes it over with that revision; so two cannot take it at once.
"""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from contracts import subjects
from hub.compass import kinds
from hub.compass.certification import from_values
from hub.compass.model import Credentials, Pairing
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import AlreadyExists, BrokerUnavailable, HubError, InvalidInput, RevisionConflict
from hub.kernel.keys import Keys
from hub.kernel.resource import CLUSTER, Resource, resource_key
from hub.kernel.state import Bucket, View

SCOPE = "kyma-system"
PAIRING = "compass-agent-configuration"
CREDENTIALS = "cluster-client-certificates"
KEY = resource_key(CLUSTER, kinds.NAME)
_ATTEMPTS = 20
_LEASE = "synchronization"


@dataclass(frozen=True, slots=True)
class Connections:
    """The one CompassConnection."""

    bucket: Bucket[Resource]
    clock: Clock

    async def read(self) -> Resource | None:
        """Return it, or None: not paired yet, or somebody deleted it."""
        entry = await self.bucket.get(KEY)
        return entry.value if entry else None

    async def change(self, change: Callable[[Resource], Resource]) -> Resource:
        """Store what a function makes of it; the function is asked again when somebody else was faster.

        Raises:
            BrokerUnavailable: the event store does not answer, or others were faster every time.
        """
        for _ in range(_ATTEMPTS):
            old = await self.read()
            new = change(old or self._first())
            new = replace(new, generation=new.generation + (1 if old is None or old.spec != new.spec else 0))
            try:
                revision = await self.bucket.put(KEY, new, revision=old.revision if old else 0)
            except (RevisionConflict, AlreadyExists):
                continue
            return replace(new, revision=revision)
        raise BrokerUnavailable("The connection with Compass is changed by many at once.")

    def _first(self) -> Resource:
        spec: dict[str, Any] = {"managementInfo": {"directorUrl": "", "connectorUrl": ""}}
        made = Resource(kinds.API_VERSION, kinds.CONNECTION.kind, kinds.NAME, CLUSTER, spec)
        return replace(made, uid=self.clock.new_id(), created=rfc3339(self.clock.now()))


@dataclass(frozen=True, slots=True)
class Secrets:
    """The Secrets of the registry, as far as this room reads them."""

    view: View[Resource]
    keys: Keys

    def values(self, secret: Resource) -> dict[str, str]:
        """Return the values of a Secret as text.

        Raises:
            Misconfigured: another master key sealed it.
        """
        sealed = base64.b64decode(secret.spec.get("sealed", ""))
        values: dict[str, str] = orjson.loads(self.keys.open(sealed, f"{subjects.SECRETS}/{secret.key}"))
        return {name: base64.b64decode(value).decode("utf-8", "replace") for name, value in values.items()}

    def pairing_revision(self) -> int:
        """Return the revision of the pairing Secret; 0 when there is none."""
        secret = self.view.get(resource_key(SCOPE, PAIRING))
        return secret.revision if secret is not None else 0

    def pairing(self) -> Pairing | None:
        """Return which Compass to connect with; None when there is no pairing Secret: the hub stands alone.

        Raises:
            InvalidInput: a value is missing.
            Misconfigured: another master key sealed it.
        """
        secret = self.view.get(resource_key(SCOPE, PAIRING))
        if secret is None:
            return None
        values = {name: value.strip() for name, value in self.values(secret).items()}
        missing = [name for name in ("CONNECTOR_URL", "RUNTIME_ID") if not values.get(name)]
        if missing:
            raise InvalidInput(f"Secret {PAIRING} in scope {SCOPE} has no {' and no '.join(missing)}; add it.")
        return Pairing(values["CONNECTOR_URL"], values["RUNTIME_ID"], values.get("TENANT", ""), values.get("TOKEN", ""))

    def credentials(self, since: int = 0) -> Credentials | None:
        """Return the client certificate that is stored, if there is a whole one.

        Args:
            since: look only at what was stored at this revision of the Secret or later.

        Raises:
            Misconfigured: another master key sealed it.
        """
        secret = self.view.get(resource_key(SCOPE, CREDENTIALS))
        return from_values(self.values(secret)) if secret is not None and secret.revision >= since else None

    def of_applications(self) -> Mapping[str, list[Resource]]:
        """Return the Secrets of bundles by Application."""
        found: dict[str, list[Resource]] = {}
        for _, secret in self.view.items():
            if secret.labels.get("bundleId") and secret.labels.get("app"):
                found.setdefault(secret.labels["app"], []).append(secret)
        return found

    def opened(self, stored: list[Resource]) -> dict[str, dict[str, str]]:
        """Return name → values; one that does not open counts as not there, so that it is written anew."""
        return dict(self._opened(stored))

    def _opened(self, stored: list[Resource]) -> Iterator[tuple[str, dict[str, str]]]:
        for secret in stored:
            try:
                yield secret.name, self.values(secret)
            except HubError:
                continue


@dataclass
class Lease:
    """Which process synchronizes: one at a time."""

    bucket: Bucket[Any]
    holder: str
    seconds: float
    _seen: tuple[int, float] = field(default=(-1, 0.0))

    async def hold(self) -> bool:
        """Take or renew the lease; False when another process has it.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        entry = await self.bucket.get(_LEASE)
        holder = entry.value.get("holder") if entry is not None else ""
        if entry is not None and holder not in ("", self.holder) and not self._is_over(entry.revision):
            return False
        try:
            await self.bucket.put(_LEASE, {"holder": self.holder}, revision=entry.revision if entry else 0)
        except (RevisionConflict, AlreadyExists):
            return False
        return True

    def _is_over(self, revision: int) -> bool:
        now = time.monotonic()
        if self._seen[0] != revision:
            self._seen = (revision, now)
        return now - self._seen[1] >= self.seconds

    async def release(self) -> None:
        """Give the lease back, so that another process need not wait for its end.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        entry = await self.bucket.get(_LEASE)
        if entry is not None and entry.value.get("holder") == self.holder:
            try:
                await self.bucket.put(_LEASE, {"holder": ""}, revision=entry.revision)
            except RevisionConflict:
                return
