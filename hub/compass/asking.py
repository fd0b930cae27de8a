"""Asks the registry, which owns Applications and Secrets: this room writes none of them itself.

Not pure: it asks over the bus. Documents too large for a message wait in the object store while it is asked.
"""

import base64
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts import subjects
from hub.compass import kinds
from hub.compass.conversion import LABELS
from hub.compass.model import Mirror
from hub.kernel.desk import ANSWERED
from hub.kernel.errors import BrokerUnavailable, HubError, InvalidInput, NotFound
from hub.kernel.objects import Objects

_SECONDS = 30.0
_INLINE_BYTES = 600_000
"""What of one Application travels in the message; nats-server takes one megabyte unless told otherwise."""
_APPLICATION_VERSION = "applicationconnector.kyma-project.io/v1alpha1"


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry, as this room asks it."""

    client: Client
    objects: Objects
    skip_verify: bool

    async def mirror(self, mirror: Mirror) -> str:
        """Have an Application stored as it should be; returns `created`, `updated` or `unchanged`.

        Raises:
            HubError: the registry refuses or does not answer.
        """
        spec = {"skipVerify": self.skip_verify} | dict(mirror.spec)
        document = {
            "apiVersion": _APPLICATION_VERSION,
            "kind": "Application",
            "metadata": {"name": mirror.name, "labels": LABELS},
            "spec": spec,
        }
        secrets = {
            name: {"values": dict(stored.values), "labels": {"app": mirror.name, "bundleId": stored.bundle_id}}
            for name, stored in mirror.secrets.items()
        }
        contents = {"document": document, "documents": _inline(mirror)}
        staged = await self._staged(mirror, contents)
        request = {"secrets": secrets} | (contents if staged is None else {"staged": staged})
        try:
            return str((await self._ask(subjects.APPLICATIONS, "mirror", request))["outcome"])
        finally:
            if staged is not None:
                await self.objects.delete(staged)

    async def delete(self, name: str) -> None:
        """Have an Application removed with everything of it; one that is gone already is gone.

        Raises:
            HubError: the registry refuses or does not answer.
        """
        try:
            await self._ask(subjects.APPLICATIONS, "delete", {"name": name})
        except NotFound:
            return

    async def keep_secret(self, scope: str, name: str, values: dict[str, str]) -> int:
        """Have a Secret stored; returns its revision.

        Raises:
            HubError: the registry refuses or does not answer.
        """
        document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": scope, "labels": {"owner": kinds.NAME}},
            "stringData": values,
        }
        answer = await self._ask(subjects.SECRETS, "apply", {"document": document})
        return int(answer["resource"]["metadata"].get("resourceVersion", 0))

    async def _staged(self, mirror: Mirror, contents: dict[str, Any]) -> str | None:
        """Put aside what no message takes; returns under which name, None when it fits. No secret is in it."""
        encoded = orjson.dumps(contents)
        if len(encoded) <= _INLINE_BYTES:
            return None
        name = f"compass/{mirror.name}/{mirror.id}"
        await self.objects.put(name, encoded)
        return name

    async def _ask(self, plural: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            reply = await self.client.request(subjects.ask(plural, verb), orjson.dumps(request), timeout=_SECONDS)
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(f"The registry did not answer within {_SECONDS:g} s; does it run?") from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        status = int((reply.headers or {}).get(ANSWERED, "200"))
        if status != 200:
            raise _refusal(status, str(answer.get("detail") or "the registry refuses"))
        return answer


def _inline(mirror: Mirror) -> dict[str, dict[str, str]]:
    return {
        place: {kind: base64.b64encode(document).decode() for kind, document in documents.items()}
        for place, documents in mirror.documents.items()
    }


def _refusal(status: int, detail: str) -> HubError:
    kind = {404: NotFound, 503: BrokerUnavailable}.get(status, InvalidInput if status < 500 else HubError)
    return kind(detail)
