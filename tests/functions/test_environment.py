"""The environment of a Function: upstream's variables, the Function's own, nothing of the hub's."""

from collections.abc import Mapping
from typing import Any

import pytest

from hub.functions.environment import (
    base_environment,
    body_limit_of,
    concurrency_of,
    config_map_values,
    function_environment,
    sealed_values,
    timeout_of,
)
from hub.kernel.errors import MissingField

STORED = {("Secret", "db"): {"password": "hunter2"}, ("ConfigMap", "shop"): {"url": "http://shop"}}


def look_up(kind: str, name: str) -> Mapping[str, str] | None:
    """Find a stored value."""
    return STORED.get((kind, name))


def secret(name: str, key: str, **more: Any) -> dict[str, Any]:
    """Return an entry that takes its value from a Secret."""
    return {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": key} | more}}


def test_nothing_of_the_hub_is_handed_on() -> None:
    """Of the outer environment only path, language and the like are inherited."""
    outer = {"PATH": "/x", "HUB_KEYS__MASTER": "k", "AWS_SECRET": "s", "LANG": "de_DE.UTF-8"}
    made = base_environment(outer, home="/home", publisher="http://p/publish", gateway="http://g")
    assert {"PATH": "/x", "LANG": "de_DE.UTF-8", "HOME": "/home"}.items() <= made.items()
    assert {"http://p/publish"} == {made["PUBLISHER_PROXY_ADDRESS"], made["PUBLISHER_URL"]}
    assert not {"HUB_KEYS__MASTER", "AWS_SECRET"} & set(made)


def test_own_entries_win_over_generated_ones() -> None:
    """Upstream appends the user's entries, so they override `FUNC_NAME` and the like; without a value one is empty."""
    entries: list[dict[str, Any]] = [{"name": "FUNC_NAME", "value": "mine"}, {"name": "EMPTY"}]
    made = function_environment({"A": "1"}, {"FUNC_NAME": "orders"}, entries, look_up)
    assert made == {"A": "1", "FUNC_NAME": "mine", "EMPTY": ""}


def test_values_come_from_secrets_and_config_maps() -> None:
    """Both kinds of reference are resolved, and values of Secrets are known as such."""
    entries = [
        secret("db", "password"),
        {"name": "URL", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "url"}}},
    ]
    made = function_environment({}, {}, entries, look_up)
    assert made == {"PASSWORD": "hunter2", "URL": "http://shop"}
    assert sealed_values(made, entries) == ("hunter2",)


MISSING = {
    "secret": (secret("away", "password"), "Secret 'away' does not exist"),
    "key": (secret("db", "user"), "Secret 'db' has no key 'user'"),
}


@pytest.mark.parametrize(("entry", "said"), MISSING.values(), ids=MISSING.keys())
def test_what_is_missing_is_named(entry: dict[str, Any], said: str) -> None:
    """The error names the entry, the Secret and the key, and becomes the condition's reason."""
    with pytest.raises(MissingField, match=said) as missing:
        function_environment({}, {}, [entry], look_up)
    assert missing.value.fields["reason"] == "EnvironmentIncomplete"


def test_what_is_missing_and_optional_is_left_out() -> None:
    """An optional reference to nothing sets no variable."""
    assert function_environment({}, {}, [secret("away", "x", optional=True)], look_up) == {}


def test_config_maps_hold_text_and_bytes() -> None:
    """Both halves of a ConfigMap are values."""
    assert config_map_values({"data": {"a": "1"}, "binaryData": {"b": "eHl6"}}) == {"a": "1", "b": "xyz"}


@pytest.mark.parametrize(
    ("given", "seconds"), [("", 180), ("2.5", 2.5), ("0", 180), ("-1", 180), ("soon", 180), ("nan", 180)]
)
def test_the_time_limit_is_func_timeout_where_it_is_a_number(given: str, seconds: float) -> None:
    """Anything but a positive number is the default."""
    assert seconds == timeout_of({"FUNC_TIMEOUT": given}, 180)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, 16), ({"FUNC_CONCURRENCY": "1"}, 1), ({"CHERRYPY_NUMTHREADS": "50"}, 50), ({"SERVER_NUMTHREADS": "0"}, 16),
     ({"FUNC_CONCURRENCY": "many"}, 16), ({"FUNC_CONCURRENCY": "501"}, 16)],
)  # fmt: skip
def test_a_function_says_how_many_calls_it_takes_at_once(given: dict[str, str], expected: int) -> None:
    """Its own variable, or upstream's number of threads; what is no sensible number is the default."""
    assert expected == concurrency_of(given, 16)


@pytest.mark.parametrize(
    ("given", "runtime", "expected"),
    [({}, "nodejs22", 10), ({"REQ_MB_LIMIT": "2"}, "nodejs22", 2 * 1024**2), ({"REQ_MB_LIMIT": "2"}, "python312", 10),
     ({"FUNC_MEMFILE_MAX": "100"}, "python312", 100), ({"FUNC_BODY_MB_LIMIT": "0.5"}, "python314", 512 * 1024),
     ({"REQ_MB_LIMIT": "1e9"}, "nodejs22", 10), ({"REQ_MB_LIMIT": "nan"}, "nodejs22", 10)],
)  # fmt: skip
def test_a_function_says_how_large_a_body_may_be(given: dict[str, str], runtime: str, expected: int) -> None:
    """Each runtime has its own variable for it, as upstream; what cannot be is the default."""
    assert expected == body_limit_of(given, runtime, 10)
