"""Names that would mean more than themselves on the bus, in paths or in files: refused, or kept to themselves."""

import json
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import subjects
from hub.dispatch.sinking import find_subject_fault
from tests.journeys.conftest import House
from tests.security.conftest import Solution
from tests.security.records import failures_of

STRANGE = [
    "*", ">", "a.*", "a.>", ".", "..", "a..b", "../x", "..\\x", "/etc/passwd", "a b", "a\tb", "a\nb", "a\x00b", "$SYS",
    "$JS.API.STREAM.DELETE.EVENTS", "_INBOX.x", "%2e%2e", "a" * 300, "ÄÖ", "\u202e", "-x", "--help", "shop;id", "$(id)",
    "{{7*7}}", "A", "",
]  # fmt: skip
KINDS = {
    "Application": "applicationconnector.kyma-project.io/v1alpha1",
    "Subscription": "eventing.kyma-project.io/v1alpha2",
    "Function": "serverless.kyma-project.io/v1alpha2",
    "Secret": "v1",
    "ConfigMap": "v1",
}


@given(st.text(st.characters(codec="utf-8")))
def test_a_name_is_one_token_and_comes_back(name: str) -> None:
    """No dot, wildcard, blank or control character in it; two names never share a token."""
    token = subjects.token(name)
    assert not set(token) & set(".*> \t\r\n\0") and token
    assert subjects.untoken(token) == (name or "%")


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_no_event_leaves_its_stream(source: str, event_type: str) -> None:
    """Whatever source and type say, the subject is below `events.`, and names no other source."""
    subject = subjects.event(source, event_type)
    assert subject.startswith(f"events.{subjects.token(source)}.")
    assert not set(subject) & set("*> \t\r\n\0")


def test_no_subject_of_the_hub_is_a_sink() -> None:
    """Every stream's, requests, calls, inboxes and the server's own: a Subscription cannot write there."""
    own = {pattern.split(".")[0] for patterns in subjects.STREAM_SUBJECTS.values() for pattern in patterns}
    for first in own | {"ask", "call", "_INBOX", "$JS", "$SYS", "$KV", "$O"}:
        assert find_subject_fault(f"subject:{first}.x.y") is not None, first
    assert find_subject_fault("subject:orders.made") is None


def test_strange_names_of_resources_are_refused_before_anything_is_stored(house: House) -> None:
    """Of every kind, as name and as scope: one line each, exit status 1, no traceback."""
    documents = [
        {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": scope}, "spec": {}}
        for kind, version in KINDS.items()
        for name, scope in [(each, "default") for each in STRANGE] + [("x", each) for each in STRANGE if each]
        if not (kind == "Application" and name == "x")
    ]
    said = house.hub("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, documents)), status=1)
    assert said.count("refused") >= len(documents) and "Traceback" not in said and "created" not in said
    assert "refused" in said or "hub:" in said
    assert failures_of(house) == []


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_in_a_path_opens_nothing(house: House, solution: Solution, name: str) -> None:
    """As Application, Service, API, Function: 4xx, and nobody else's data."""
    shop, escaped = solution("shop"), quote(name, safe="").replace(".", "%2E")
    if escaped:
        assert 400 <= shop.get(f"/{escaped}/v1/metadata/services").status_code < 500
        assert 400 <= shop.get(f"/shop/v1/metadata/services/{escaped}").status_code < 500
        # As upstream: what is not there is removed.
        assert shop.delete(f"/shop/v1/metadata/services/{escaped}").status_code in {204, 400, 404}
    assert 400 <= shop.post(f"/{escaped}/v1/events", json={}).status_code < 500
    gateway, internal = (house.running.listeners[each] for each in ("gateway", "internal"))
    with httpx.Client(trust_env=False, timeout=30) as http:
        for url in (f"{gateway}/{escaped}/x", f"{gateway}/x/{escaped}", f"{internal}/functions/{escaped}"):
            assert 400 <= http.post(url, json={}).status_code < 500, url
    assert failures_of(house) == []
