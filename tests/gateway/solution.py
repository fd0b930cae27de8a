"""A connected solution whose APIs are protected in every way the gateway knows; written after upstream's mock API."""

import asyncio
import base64
import json
import ssl
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs

from tests.gateway.certificates import Authority, server_context
from tests.gateway.targets import Say, Seen, Target, Targets, echo

BASIC = "Basic " + base64.b64encode(b"user:passwd").decode()
CLIENT = "Basic " + base64.b64encode(b"clientID:clientSecret").decode()
CSRF_COOKIE = "csrftokencookie"
PARAMETERS = {
    "headers": json.dumps({"Hkey1": ["Hval1"], "Hkey2": ["Hval21", "Hval22"]}),
    "queryParameters": json.dumps({"Qkey1": ["Qval1"], "Qkey2": ["Qval21", "Qval22"]}),
}


@dataclass
class Solution:
    """Answers under `/v1/api/…`; what it issued is counted, so that tests see what was fetched how often."""

    token_lifetime: object = 3600
    tokens: set[str] = field(default_factory=set)
    csrf_tokens: set[str] = field(default_factory=set)
    fetched: list[Seen] = field(default_factory=list)
    """Requests for OAuth tokens."""
    crossed: list[Seen] = field(default_factory=list)
    """Requests for CSRF tokens."""
    calls: list[Seen] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)

    def revoke(self) -> None:
        """Make all tokens issued so far worthless."""
        self.tokens.clear()
        self.csrf_tokens.clear()

    async def answer(self, seen: Seen) -> Say:
        """Answer one request."""
        path = seen.path.removeprefix("/v1/api")
        kind, _, rest = path.removeprefix("/").partition("/")
        if rest in ("token", "bad-token"):
            return self._csrf(seen, rest) if kind.startswith("csrf") else self._token(seen, rest)
        self.calls.append(seen)
        if rest == "timeout":
            await asyncio.sleep(3600)
        return self._refusal(kind, seen) or self._served(rest, seen)

    def _served(self, rest: str, seen: Seen) -> Say:
        name, _, value = rest.partition("/")
        if name == "code":
            return Say(int(value), value.encode())
        if name == "redirect":
            return Say(307, b"", [("Location", "/v1/api/unsecure/ok" if not value else "http://other.example/x")])
        return echo(seen) if name == "echo" else Say(200, b"ok")

    def _refusal(self, kind: str, seen: Seen) -> Say | None:
        authorization = seen.header("authorization")
        if kind in ("basic", "csrf-basic", "request-parameters-basic") and authorization != BASIC:
            return Say(403, b"wrong user")
        if kind in ("oauth", "csrf-oauth") and (authorization or "").removeprefix("Bearer ") not in self.tokens:
            return Say(401, b"wrong token")
        if kind == "request-parameters-basic" and not self._has_parameters(seen):
            return Say(400, b"wrong parameters")
        if kind.startswith("csrf"):
            token = seen.header("x-csrf-token")
            if token not in self.csrf_tokens or f"{CSRF_COOKIE}={token}" not in (seen.header("cookie") or ""):
                return Say(403, b"wrong csrf token")
        return None

    def _has_parameters(self, seen: Seen) -> bool:
        query = [("Qkey1", "Qval1"), ("Qkey2", "Qval21"), ("Qkey2", "Qval22")]
        return (["Hval1"], ["Hval21", "Hval22"], query) == (seen.all("hkey1"), seen.all("hkey2"), seen.query)

    def _token(self, seen: Seen, which: str) -> Say:
        self.fetched.append(seen)
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        by_secret = seen.header("authorization") == CLIENT and form.get("client_secret") == "clientSecret"
        by_certificate = bool(seen.certificate) and "client_secret" not in form
        if form.get("client_id") != "clientID" or form.get("grant_type") != "client_credentials":
            return Say(400, b"")
        if not by_secret and not by_certificate:
            return Say(401, b"")
        token = f"token-{next(self.numbers)}"
        if which == "token":
            self.tokens.add(token)
        lifetime = {} if self.token_lifetime is None else {"expires_in": self.token_lifetime}
        return Say(200, json.dumps({"access_token": token, "token_type": "bearer"} | lifetime).encode())

    def _csrf(self, seen: Seen, which: str) -> Say:
        self.crossed.append(seen)
        kind = seen.path.split("/")[3]
        if (refused := self._refusal(kind.removeprefix("csrf").removeprefix("-"), seen)) is not None:
            return refused
        token = f"csrf-{next(self.numbers)}"
        if which == "token":
            self.csrf_tokens.add(token)
        return Say(200, b"", [("X-CSRF-Token", token), ("Set-Cookie", f"{CSRF_COOKIE}={token}; Path=/; HttpOnly")])


@dataclass
class Premises:
    """A solution at three addresses: plain, with client certificates, and the latter with an expired certificate."""

    solution: Solution
    authority: Authority
    plain: Target
    mutual: Target
    expired: Target


async def open_premises(targets: Targets) -> Premises:
    """Start a solution."""
    solution, authority = Solution(), Authority("solution")

    def context(days: int) -> ssl.SSLContext:
        return server_context(authority.issue("server", days=days), authority)

    return Premises(
        solution,
        authority,
        await targets.serve(solution.answer),
        await targets.serve(solution.answer, tls=context(5)),
        await targets.serve(solution.answer, tls=context(-1)),
    )
