"""Credentials per runtime: asked for, given or refused by the application, and taken back."""

# ruff: noqa: A002, N803 - arguments are named as the schema names them

from collections.abc import Callable
from typing import Any

from tests.doubles.compass.world import InstanceAuth, Node, Refused, SystemAuth, World, new_id

_TYPES = {"basic": "BasicCredentialData", "oauth": "OAuthCredentialData"}


def own_auth(world: World, bundle_id: str, runtime_id: str) -> Node | None:
    """Return the auth that a runtime sees in place of a bundle's default: that of the smallest id."""
    own = (each for each in world.instance_auths.values() if (each.bundle, each.runtime) == (bundle_id, runtime_id))
    return next((each.auth for each in sorted(own, key=lambda each: each.id) if each.auth), None)


def grant(world: World, bundle_id: str, runtime_id: str | None, id: str | None = None) -> InstanceAuth:
    """Ask for credentials: a bundle with a default gives a copy of it, another one lets its application decide."""
    application, bundle = world.bundle(bundle_id)
    auth = bundle["defaultInstanceAuth"]
    told = ("SUCCEEDED", "CredentialsProvided", "Credentials were provided.")
    waiting = ("PENDING", "CredentialsNotProvided", "Credentials were not yet provided.")
    made = InstanceAuth(id or new_id(), application.id, bundle_id, runtime_id, auth, *(told if auth else waiting))
    world.instance_auths[made.id] = made
    world.changed()
    return made


def _refused(reason: str) -> Refused:
    return Refused(f"The operation is not allowed [reason={reason}]", "InvalidOperation", 27)


def _auth_of(given: Node) -> Node:
    """Return an auth as it is read, from how it is written."""
    credential = given.get("credential")
    if credential is None:
        return given
    ((kind, values),) = credential.items()
    return given | {"credential": {"__typename": _TYPES[kind], **values}}


class Instances:
    """The operations, for a caller."""

    def __init__(self, world: World, caller: SystemAuth | None) -> None:
        """Answer for a caller; None is the admin."""
        self.world = world
        self.caller = caller

    def root(self) -> dict[str, Callable[..., Any]]:
        """Return the resolvers."""
        return {
            "bundleInstanceAuth": self.read, "requestBundleInstanceAuthCreation": self.ask,
            "requestBundleInstanceAuthDeletion": self.give_back, "setBundleInstanceAuth": self.set,
            "deleteBundleInstanceAuth": self.delete,
        }  # fmt: skip

    def _need(self, kind: str, scope: str) -> None:
        if self.caller is not None and self.caller.kind != kind:
            raise Refused(f"insufficient scopes provided [required={scope}]", "InsufficientScopes", 23)

    def _check_formation(self, application_id: str) -> None:
        runtime = self.world.runtimes.get(self.caller.object_id) if self.caller else None
        if runtime is not None and self.world.applications[application_id] not in self.world.seen_by(runtime):
            raise _refused("requesting runtime should be in same scenario as the requested application resource")

    def _found(self, auth_id: str) -> InstanceAuth:
        found = self.world.instance_auths.get(auth_id)
        if found is None:
            raise Refused(f"Object not found [ID={auth_id}; object=bundleInstanceAuth]", "NotFound", 20)
        return found

    def read(self, _info: Any, id: str) -> Node | None:
        """Return one; null when there is none."""
        found = self.world.instance_auths.get(id)
        return _shown(found) if found is not None else None

    def ask(self, _info: Any, bundleID: str, **given: Any) -> Node:
        """Ask for credentials of one's own."""
        self._need("RUNTIME", "runtime:write")
        self._check_formation(self.world.bundle(bundleID)[0].id)
        runtime_id = self.caller.object_id if self.caller else None
        return _shown(grant(self.world, bundleID, runtime_id, given["in"].get("id")))

    def give_back(self, _info: Any, authID: str) -> Node:
        """Say that they are not needed any more; without a default the application has to withdraw them first."""
        self._need("RUNTIME", "runtime:write")
        found = self._found(authID)
        self._check_formation(found.application)
        if self.world.bundle(found.bundle)[1]["defaultInstanceAuth"]:
            return self._removed(found)
        found.condition, found.reason = "UNUSED", "PendingDeletion"
        found.message = "Credentials for given Bundle Instance Auth are ready for being deleted."
        self.world.changed()
        return _shown(found)

    def set(self, _info: Any, authID: str, **given: Any) -> Node:
        """Give the credentials that were asked for, or say why not, as the application."""
        self._need("APPLICATION", "application:write")
        found, auth, status = self._found(authID), given["in"].get("auth"), given["in"].get("status")
        if (auth is None) == (status is None or status["condition"] == "SUCCEEDED"):
            text = "Invalid data BundleInstanceAuthSetInput [auth=needs to be provided unless the condition is FAILED]"
            raise Refused(text, "InvalidData", 22)
        if found.condition != "PENDING":
            raise _refused("auth can be set only on BundleInstanceAuths in PENDING state")
        said = status or {"reason": "CredentialsProvided", "message": "Credentials were provided."}
        found.auth, found.condition = (_auth_of(auth), "SUCCEEDED") if auth else (None, "FAILED")
        found.reason, found.message = said["reason"], said["message"]
        self.world.changed()
        return _shown(found)

    def delete(self, _info: Any, authID: str) -> Node:
        """Withdraw them, as the application."""
        self._need("APPLICATION", "application:write")
        return self._removed(self._found(authID))

    def _removed(self, found: InstanceAuth) -> Node:
        del self.world.instance_auths[found.id]
        self.world.changed()
        return _shown(found)


def _shown(found: InstanceAuth) -> Node:
    status = {
        "condition": found.condition, "reason": found.reason, "message": found.message,
        "timestamp": found.since.isoformat(timespec="seconds"),
    }  # fmt: skip
    return {"id": found.id, "auth": found.auth, "status": status, "runtimeID": found.runtime}
