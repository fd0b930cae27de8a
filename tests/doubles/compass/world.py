"""What this Compass knows: applications, runtimes, formations, who may call, and which one-time tokens are out."""

import base64
import json
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Node = dict[str, Any]


class Refused(Exception):
    """A refusal in the shape of the Director's."""

    def __init__(self, message: str, name: str, code: int) -> None:
        """Say what, under which name and code."""
        super().__init__(message)
        self.extensions = {"error": name, "error_code": code}


def internal(reason: str) -> Refused:
    """Return the refusal for what the Director has no name for."""
    return Refused(f"Internal Server Error [errorID={new_id()}, reason: {reason}]", "InternalError", 10)


def new_id() -> str:
    """Return a new id."""
    return str(uuid.uuid4())


@dataclass
class SystemAuth:
    """What stands between a token, a certificate and the object they speak for."""

    id: str
    kind: str
    """`RUNTIME` or `APPLICATION`."""
    object_id: str
    tenant: str
    token: str = ""
    expires: datetime = field(default_factory=lambda: datetime.now(UTC))
    used: bool = False


@dataclass
class Application:
    """An application; its bundles are nodes as the Director answers them, definitions in plain lists."""

    id: str
    name: str
    tenant: str
    description: str | None = None
    provider: str | None = None
    bundles: list[Node] = field(default_factory=list)
    labels: Node = field(default_factory=dict)
    integration_system: str = ""
    """Whose application it is; empty for one that stands for itself."""
    status: str = "INITIAL"


@dataclass
class InstanceAuth:
    """Credentials of one runtime for one bundle, or the request for them."""

    id: str
    application: str
    bundle: str
    runtime: str | None
    """Who asked; None when that runtime is gone."""
    auth: Node | None
    condition: str
    reason: str
    message: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Runtime:
    """A runtime with its labels."""

    id: str
    name: str
    tenant: str
    labels: Node = field(default_factory=dict)
    status: str = "INITIAL"


class World:
    """Everything, with a number that grows with each change."""

    def __init__(self) -> None:
        """Begin empty."""
        self.applications: dict[str, Application] = {}
        self.runtimes: dict[str, Runtime] = {}
        self.formations: dict[str, set[str]] = {}
        self.auths: dict[str, SystemAuth] = {}
        self.instance_auths: dict[str, InstanceAuth] = {}
        self.hidden: dict[str, list[str]] = {}
        """Label → values; runtimes do not see an application that has one of them."""
        self.revoked: set[str] = set()
        self.version = 0
        self.page_cap = 200
        """Most that one page holds, whatever was asked for."""
        self.token_seconds = 3600.0

    def changed(self) -> None:
        """Say that answers given before are stale."""
        self.version += 1

    def runtime(self, name: str = "hub", tenant: str = "tenant-1", **labels: Any) -> Runtime:
        """Register a runtime."""
        made = Runtime(new_id(), name, tenant, {"isNormalized": "true"} | labels)
        self.runtimes[made.id] = made
        self.changed()
        return made

    def application(
        self, name: str, *bundles: Node, tenant: str = "tenant-1", formation: str | None = "default", **more: Any
    ) -> Application:
        """Register an application, in a formation unless told otherwise."""
        made = Application(more.pop("id", None) or new_id(), name, tenant, bundles=list(bundles), **more)
        self.applications[made.id] = made
        if formation is not None:
            self.assign(made.id, formation)
        self.changed()
        return made

    def assign(self, object_id: str, formation: str) -> None:
        """Put an application or a runtime into a formation."""
        self.formations.setdefault(formation, set()).add(object_id)
        self.changed()

    def unassign(self, object_id: str, formation: str) -> None:
        """Take it out."""
        self.formations.get(formation, set()).discard(object_id)
        self.changed()

    def remove(self, application: Application) -> None:
        """Unregister an application."""
        del self.applications[application.id]
        for members in self.formations.values():
            members.discard(application.id)
        for auth in [each for each in self.auths.values() if each.object_id == application.id]:
            del self.auths[auth.id]
        self.changed()

    def seen_by(self, runtime: Runtime) -> list[Application]:
        """Return the applications of a runtime's formations, within its tenant, by id."""
        ids = set().union(*(members for members in self.formations.values() if runtime.id in members), set())
        found = [self.applications[each] for each in ids if each in self.applications and not self._is_hidden(each)]
        return sorted((each for each in found if each.tenant == runtime.tenant), key=lambda each: each.id)

    def _is_hidden(self, application_id: str) -> bool:
        labels = self.applications[application_id].labels
        return any(labels.get(label) in values for label, values in self.hidden.items())

    def owner_of(self, auth: SystemAuth) -> "Application | Runtime | None":
        """Return for what a system auth speaks."""
        return self.applications.get(auth.object_id) or self.runtimes.get(auth.object_id)

    def seen(self, auth: SystemAuth) -> None:
        """Note that somebody called: that is what makes an application or a runtime connected."""
        owner = self.owner_of(auth)
        if owner is not None and owner.status != "CONNECTED":
            owner.status = "CONNECTED"
            self.changed()

    def remove_runtime(self, runtime: Runtime) -> None:
        """Unregister a runtime; what it was given for a bundle stays, and is nobody's."""
        del self.runtimes[runtime.id]
        for each in self.instance_auths.values():
            each.runtime = None if each.runtime == runtime.id else each.runtime
        self.changed()

    def bundle(self, bundle_id: str) -> tuple[Application, Node]:
        """Return a bundle and whose it is.

        Raises:
            Refused: nobody has it.
        """
        for application in self.applications.values():
            for found in application.bundles:
                if found["id"] == bundle_id:
                    return application, found
        raise Refused(f"Object not found [ID={bundle_id}; object=bundle]", "NotFound", 20)

    def auths_of(self, object_id: str) -> list[SystemAuth]:
        """Return the system auths of an object."""
        return [auth for auth in self.auths.values() if auth.object_id == object_id]

    def token_for(self, kind: str, object_id: str, tenant: str) -> str:
        """Return a one-time token, bound to a new system auth."""
        auth = SystemAuth(new_id(), kind, object_id, tenant)
        self.auths[auth.id] = auth
        self.changed()
        return self.next_token(auth)

    def next_token(self, auth: SystemAuth) -> str:
        """Return a new token on a system auth."""
        auth.token = base64.urlsafe_b64encode(secrets.token_bytes(64)).decode()
        auth.expires, auth.used = datetime.now(UTC) + timedelta(seconds=self.token_seconds), False
        return auth.token

    def use_token(self, token: str) -> SystemAuth | None:
        """Return whose token this is and use it up; None for one that is unknown, used or too old."""
        auth = next((each for each in self.auths.values() if token and each.token == token), None)
        if auth is None or auth.used or auth.expires < datetime.now(UTC):
            return None
        auth.used = True
        return auth


def raw_of(token: str, connector_url: str) -> str:
    """Return a token as the text that people paste."""
    return json.dumps({"token": token, "connectorURL": connector_url})


def bundle(name: str, *, apis: Any = (), events: Any = (), auth: Node | None = None, **more: Any) -> Node:
    """Return a bundle with its definitions."""
    return {
        "id": new_id(), "name": name, "description": None, "instanceAuthRequestInputSchema": None,
        "defaultInstanceAuth": auth, "apis": list(apis), "events": list(events),
    } | more  # fmt: skip


def api(name: str, target: str = "http://target.example.com/v1", spec: Node | None = None, **more: Any) -> Node:
    """Return an API definition."""
    return {"id": new_id(), "name": name, "targetURL": target, "spec": spec} | more


def event(name: str, spec: Node | None = None, **more: Any) -> Node:
    """Return an event definition."""
    return {"id": new_id(), "name": name, "spec": spec} | more


def spec(kind: str, text: str, form: str = "JSON") -> Node:
    """Return a specification."""
    return {"id": new_id(), "type": kind, "format": form, "data": text}


def basic(username: str = "user", password: str = "passwd") -> Node:
    """Return an auth with user name and password."""
    return {"credential": {"__typename": "BasicCredentialData", "username": username, "password": password}}


def oauth(url: str = "https://oauth.example.com/token", client: str = "client", secret: str = "hush") -> Node:
    """Return an auth with OAuth client credentials."""
    made = {"__typename": "OAuthCredentialData", "clientId": client, "clientSecret": secret, "url": url}
    return {"credential": made}


def certificate_oauth() -> Node:
    """Return an auth of the kind that comes without a private key."""
    made = {"__typename": "CertificateOAuthCredentialData", "clientId": "client", "certificate": "PEM"}
    return {"credential": made | {"url": "https://oauth.example.com/token"}}


def csrf(url: str = "https://csrf.example.com/token") -> Node:
    """Return what is added to an auth for CSRF tokens."""
    return {"requestAuth": {"csrf": {"tokenEndpointURL": url}}}
