"""`hub gateway test`: one call, made step by step, each step told. No value of a credential is among it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hub.gateway.authorizing import Authorizer
from hub.gateway.body import Body
from hub.gateway.calling import Caller, Request
from hub.gateway.model import Api, ApiKey, Basic, KeyPair, Names, OAuth
from hub.gateway.refusals import status_of
from hub.gateway.rewriting import to_caller
from hub.gateway.store import Directory, Known
from hub.kernel.errors import HubError, InvalidInput

Asked = dict[str, Any]


@dataclass
class _Told:
    """The steps so far."""

    steps: list[Asked] = field(default_factory=list)

    def add(self, step: str, outcome: str, *, is_ok: bool = True) -> None:
        self.steps.append({"step": step, "outcome": outcome, "ok": is_ok})


@dataclass(frozen=True, slots=True)
class Explainer:
    """Tries calls for the operator."""

    directory: Directory
    authorizer: Authorizer
    caller: Caller

    async def test(self, request: Asked) -> Asked:
        """Try one call: `{"application", "service", "entry"?, "method"?, "path"?}`.

        Answers `{"ok", "status", "steps": [{"step", "outcome", "ok"}]}`; a call that fails is an answer, not an error.

        Raises:
            InvalidInput: Application or Service is not named.
        """
        application, service = (str(request.get(name) or "") for name in ("application", "service"))
        if not application or not service:
            raise InvalidInput("Name an Application and a Service.")
        names = Names(application, service, str(request["entry"]) if request.get("entry") else None)
        told = _Told()
        try:
            status = await self._walk(names, request, told)
        except HubError as error:
            status = status_of(error)
            told.add("failed", f"{error.detail}; a caller would get {status}", is_ok=False)
        return {"ok": 200 <= status < 400, "status": status, "steps": told.steps}

    async def _walk(self, names: Names, request: Asked, told: _Told) -> int:
        known = self.directory.find(names)
        api = known.api
        _tell_registration(known, told)
        proof = await self.authorizer.authenticate(api)
        told.add("authentication", _method(api))
        if api.csrf_url is not None:
            proof = await self.authorizer.cross(api, proof)
            told.add("CSRF token", f"from {api.csrf_url.place}{api.csrf_url.path.decode('latin-1')}")
        return await self._call(api, request, told)

    async def _call(self, api: Api, request: Asked, told: _Told) -> int:
        method, path = str(request.get("method") or "GET").upper(), str(request.get("path") or "")
        if not method.isalpha() or not path.isascii() or any(letter <= " " for letter in path):
            raise InvalidInput("The method must be letters, the path ASCII without blanks.")
        rest, _, query = path.partition("?")
        rest = f"/{rest.lstrip('/')}" if rest else ""
        asked = Request(method.encode(), rest.encode(), query.encode(), [(b"accept", b"*/*")], "", Body(_nothing, []))
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self.caller.call(api, asked)
        seconds = loop.time() - began
        answer.connection.close()  # the body may be endless, and nobody reads it
        await self.caller.finish(answer)
        status, headers = to_caller(answer.head.status, answer.head.headers, api, answer.called)
        kind = dict(headers).get(b"content-type", b"no content type").decode("latin-1")
        called = answer.called.partition(b"?")[0].decode("latin-1")
        said = f"{method} {api.url.place}{called} answered {answer.head.status} ({kind}) after {seconds * 1000:.0f} ms"
        told.add("call", said, is_ok=status < 400)
        if status != answer.head.status:
            told.add(
                "rewritten", f"a caller gets {status}, with Target-System-Status: {answer.head.status}", is_ok=False
            )
        return status


def _tell_registration(known: Known, told: _Told) -> None:
    api = known.api
    form = "/".join(part for part in (api.names.application, api.names.service, api.names.entry) if part)
    told.add("registration", f"/{form} is {api.url.place}{api.url.path.decode('latin-1')}")
    for _, secret in known.secrets:
        told.add("Secret", f"{secret.name} with {', '.join(secret.spec.get('keys', ()))}")
    if api.parameters.headers or api.parameters.query:
        headers, query = (sorted({name.decode() for name, _ in each}) for each in
                          (api.parameters.headers, api.parameters.query))  # fmt: skip
        told.add("request parameters", f"headers {', '.join(headers) or '-'}; query {', '.join(query) or '-'}")
    if api.url.place.scheme == "https":
        checked = "the target's certificate is checked" if api.tls.verify else "NOT CHECKED: skipVerify is on"
        told.add("TLS", checked + (", an authority of the Application's own is trusted" if api.tls.authority else ""))
    if known.callers is not None:
        told.add("callers", f"only {', '.join(sorted(known.callers))}; this test is made by the operator")
    told.add("limits", f"the answer must begin within {api.timeout_seconds:g} s")


def _method(api: Api) -> str:
    match api.credentials:
        case Basic():
            return "Basic: user name and password"
        case KeyPair():
            return "client certificate"
        case ApiKey(name, _, place):
            return f"API key in the {place} '{name}'"
        case OAuth(url, _, _, key_pair):
            proof = "client id and secret" if key_pair is None else "client id and certificate"
            return f"OAuth: a token from {url.place}{url.path.decode('latin-1')} for {proof}"
    return "none registered"


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}
