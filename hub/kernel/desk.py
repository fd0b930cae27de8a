"""The desk of a room: requests to apply or delete a resource of a kind that the room owns.

`hub apply` asks `ask.<plural>.apply`; the owner judges the document and writes its bucket, so each bucket keeps exactly
one writer. Answers are JSON: `{"outcome", "resource"}`, or the problem with the status in the header `Hub-Status`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
import structlog
from faststream.nats import NatsResponse, NatsRouter
from faststream.nats.message import NatsMessage

from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import HubError, InvalidField, InvalidInput, NotFound, RevisionConflict
from hub.kernel.problem import problem_of
from hub.kernel.resource import CLUSTER, DEFAULT_SCOPE, Kind, Resource, need_name, resource_key
from hub.kernel.state import Bucket, retried

log = structlog.get_logger()
ANSWERED = "Hub-Status"

Answer = dict[str, Any]
Asked = Callable[[dict[str, Any]], Awaitable[Answer]]
After = Callable[[Resource | None, str, str], Awaitable[None]]
"""Called after a change with the resource (None: removed), its key and the outcome."""


async def read_json(message: NatsMessage) -> Any:
    """Decode the body of a request; a body that is no JSON object is answered, not raised.

    What a consumer delivers to the subject is none: whoever may read a stream chooses where nats-server sends it.
    """
    if message.reply_to.startswith("$JS."):
        return None
    try:
        request = orjson.loads(message.body or b"{}")
    except orjson.JSONDecodeError:
        return None
    return request if isinstance(request, dict) else None


def _object(request: dict[str, Any] | None) -> dict[str, Any]:
    if request is None:
        raise InvalidInput("The request is not a JSON object.")
    return request


def answer_requests(router: NatsRouter, subject: str, queue: str, asked: Asked, *, at_once: int = 1) -> None:
    """Serve one request subject: JSON object in, JSON object out, errors as problems.

    Several processes of the same room share the work through the queue group; one works on `at_once` requests.
    """

    async def handle(request: dict[str, Any] | None) -> NatsResponse:
        try:
            return NatsResponse(orjson.dumps(await asked(_object(request))), headers={ANSWERED: "200"})
        except HubError as error:
            return NatsResponse(orjson.dumps(problem_of(error)), headers={ANSWERED: str(error.status)})
        except Exception:
            log.exception("bug.caught", subject=subject)
            hidden = HubError("Internal error; see the log of the worker.")
            return NatsResponse(orjson.dumps(problem_of(hidden)), headers={ANSWERED: "500"})

    router.subscriber(subject, queue=queue, decoder=read_json, max_workers=at_once)(handle)


@dataclass(frozen=True, slots=True)
class Desk:
    """Applies and deletes resources of one kind."""

    kind: Kind
    bucket: Bucket[Resource]
    clock: Clock
    after: After | None = None

    async def apply(self, request: dict[str, Any]) -> Answer:
        """Judge a document and store it, or with `dryRun` only judge it.

        Args:
            request: `{"document": {...}, "scope": default scope, "dryRun": bool}`.

        Raises:
            RevisionConflict: the document says which `resourceVersion` it changes, and that is not the newest.
        """
        new = self.read(request.get("document"), str(request.get("scope") or DEFAULT_SCOPE))
        store = partial(self._store, new, dry_run=bool(request.get("dryRun")))
        return await (store() if new.revision else retried(store))

    def read(self, document: Any, scope: str) -> Resource:
        """Read a document of this kind, whichever of its versions."""
        resource = Resource.from_document(document, default_scope=scope, scoped=self.kind.scoped)
        if resource.kind != self.kind.kind or resource.api_version not in self.kind.api_versions:
            raise InvalidField(
                f"{resource.api_version} {resource.kind} is not known; known: {', '.join(self.kind.api_versions)}.",
                field="apiVersion",
            )
        return resource

    async def _store(self, new: Resource, *, dry_run: bool) -> Answer:
        entry = await self.bucket.get(new.key)
        old = entry.value if entry else None
        if new.revision and new.revision != (entry.revision if entry else 0):
            raise RevisionConflict(
                f"{new.kind} '{new.name}' is not at resourceVersion {new.revision} any more; read it again and repeat"
                " the change, or leave metadata.resourceVersion out.",
                field="metadata.resourceVersion",
            )
        admitted = replace(self.kind.admit(new, old), api_version=self.kind.api_versions[0])
        outcome = _outcome(admitted, old)
        if dry_run:
            return self._answer(outcome, admitted)
        if outcome == "unchanged" and old is not None:
            return self._answer(outcome, old)
        stored = replace(
            admitted,
            uid=old.uid if old else self.clock.new_id(),
            created=old.created if old else rfc3339(self.clock.now()),
            generation=(old.generation if old else 0) + (1 if old is None or old.spec != admitted.spec else 0),
            status=old.status if old else {},
        )
        # A revision of 0 stores only where there is nothing, so that two first writers do not overwrite each other.
        revision = await self.bucket.put(stored.key, stored, revision=entry.revision if entry else 0)
        stored = replace(stored, revision=revision)
        if self.after is not None:
            await self.after(stored, stored.key, outcome)
        return self._answer(outcome, stored)

    def _answer(self, outcome: str, resource: Resource) -> Answer:
        shown = self.kind.conceal(resource) if self.kind.conceal else resource
        return {"outcome": outcome, "resource": shown.to_document()}

    async def delete(self, request: dict[str, Any]) -> Answer:
        """Remove a resource: `{"name", "scope"}`.

        Raises:
            NotFound: there is none.
        """
        scope = need_name(request.get("scope") or DEFAULT_SCOPE, "scope") if self.kind.scoped else CLUSTER
        name = need_name(request.get("name"), "name")
        key = resource_key(scope, name)

        async def remove() -> Resource:
            entry = await self.bucket.get(key)
            if entry is None:
                where = f" in scope '{scope}'" if self.kind.scoped else ""
                raise NotFound(f"{self.kind.kind} '{name}' does not exist{where}.", name=name)
            await self.bucket.delete(key, revision=entry.revision)
            return entry.value

        removed = await retried(remove)  # whoever deletes names no version
        if self.after is not None:
            await self.after(None, key, "deleted")
        return self._answer("deleted", removed)

    def serve(self, router: NatsRouter, queue: str) -> None:
        """Answer `ask.<plural>.apply` and `.delete`."""
        answer_requests(router, f"ask.{self.kind.plural}.apply", queue, self.apply)
        answer_requests(router, f"ask.{self.kind.plural}.delete", queue, self.delete)


def _outcome(new: Resource, old: Resource | None) -> str:
    if old is None:
        return "created"
    same = (new.spec, new.labels, new.annotations) == (old.spec, old.labels, old.annotations)
    return "unchanged" if same else "configured"
