"""Laws of revisions: calls are shared out whole, and a history keeps what it must and no more."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.functions.environment import redirected
from hub.functions.history import History, News, decoded, digest_of, encoded, number_of, with_spec
from hub.functions.routing import need_routing, route_of
from hub.kernel.resource import Resource

NUMBERS = st.one_of(st.integers(1, 9), st.just("latest"))


@st.composite
def routings(draw: st.DrawFn) -> dict[str, Any]:
    """Return acceptable shares, and perhaps a shadow."""
    left, shares = 100, []
    for number in draw(st.lists(NUMBERS, max_size=5)):
        percent = draw(st.integers(0, left))
        left -= percent
        shares.append({"revision": number, "percent": percent})
    shadow = draw(st.none() | NUMBERS)
    return {"traffic": shares} | ({"shadow": {"revision": shadow}} if shadow else {})


@given(routings(), st.integers(9, 20))
def test_every_call_goes_to_one_revision(spec: dict[str, Any], newest: int) -> None:
    """Shares are 100 together, none is empty or named twice, and nobody gets less than was said."""
    need_routing(spec)
    route = route_of(spec, newest)
    assert sum(percent for _, percent in route.shares) == 100
    assert len({number for number, _ in route.shares}) == len(route.shares)
    given_out = dict(route.shares)
    for share in spec["traffic"]:
        number = newest if share["revision"] == "latest" else share["revision"]
        assert given_out.get(number, 0) >= share["percent"]


def function(generation: int, content: int, **routed: Any) -> Resource:
    """Return a Function with a content."""
    spec = {"runtime": "python312", "source": {"inline": {"source": f"c{content}"}}} | routed
    return Resource("v", "Function", "orders", "default", spec, uid="u", generation=generation)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(2, 6), st.sets(st.integers(1, 30), max_size=3))
def test_a_history_keeps_the_newest_and_what_has_a_share(contents: list[int], most: int, routed: set[int]) -> None:
    """Whatever is deployed in whatever order: the newest is what runs, the rest is bounded, nothing with a share goes;
    telling it again changes nothing, a process that lags behind adds nothing, and stored is what was."""
    history = History()
    for generation, content in enumerate(contents, 1):
        before = {each.number for each in history.revisions}
        deployed = function(generation, content)
        history = with_spec(history, deployed, "now", most, frozenset(routed))
        assert history.newest is not None and history.newest.digest == digest_of(deployed.spec)
        assert history.newest.number == number_of(history, deployed) <= generation
        numbers = {each.number for each in history.revisions}
        assert routed & before <= numbers and len(numbers - routed) <= most
        assert with_spec(history, deployed, "later", most, frozenset(routed)) == history
        assert with_spec(history, function(1, 9), "later", most, frozenset(routed)).newest == history.newest or (
            history.newest.number == 1
        )
        assert decoded(encoded(history)) == history
    told = history.with_news(News(history.revisions[-1].number, ready=True))
    assert told.with_news(News(told.revisions[-1].number, ready=False, reason="x")) == told


@given(st.integers(1, 6553))
def test_only_whole_addresses_are_redirected(port: int) -> None:
    """A port that begins with the digits of another one is another address."""
    address, other = f"http://127.0.0.1:{port}", "http://127.0.0.1:9/t"
    values = {"a": f"{address}/shop", "b": f"{address}1/shop", "c": f"x={address};y={address}", "d": "http://127.0.0.1"}
    assert redirected({"a": address}, {"http://127.0.0.1": other}) == {"a": address}
    assert redirected(values, {address: other}) == {
        "a": f"{other}/shop", "b": f"{address}1/shop", "c": f"x={other};y={other}", "d": "http://127.0.0.1"
    }  # fmt: skip
