"""Laws of the gateway's pure parts."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.gateway.addressing import parse_url, path_at_target, query_at_target, split_path
from hub.gateway.breaking import Breaker
from hub.gateway.credentials import credentials_of, parameters_of
from hub.gateway.model import Api, Names, Place, Proof, Url
from hub.gateway.rewriting import HOP_BY_HOP, head_of, relocated, to_caller, to_target
from hub.gateway.tokens import lifetime, token_of
from hub.kernel.errors import HubError, InvalidInput, Misconfigured, UpstreamRefused

SEGMENT = st.text(st.characters(codec="ascii", min_codepoint=33, exclude_characters="/?#\\"), max_size=12)
REST = st.lists(SEGMENT, max_size=6).map(lambda parts: "".join(f"/{part}" for part in parts).encode())
TEXT = st.text(max_size=40)
HEADERS = st.lists(st.tuples(st.sampled_from([b"x-a", b"cookie", b"connection", b"te", b"x-forwarded-for", b"host"]),
                             st.binary(max_size=20).filter(lambda value: not set(value) & set(b"\r\n\0"))))  # fmt: skip
API = Api(Names("app", "service"), Url(Place("https", "shop.test", 443), b"/api/v1"))


@given(base=st.sampled_from([b"", b"/", b"/api", b"/api/"]), rest=REST)
def test_a_path_that_is_not_encoded_anew_is_kept_to_the_byte(base: bytes, rest: bytes) -> None:
    """Base and rest, one slash between; or a refusal, where it climbs out."""
    try:
        path = path_at_target(base, rest, encode=False)
    except InvalidInput:
        assert b".." in unquote_to_bytes(rest)
        return
    assert path == (base.rstrip(b"/") + rest if rest else base or b"/")


@given(rest=REST)
def test_encoding_anew_changes_no_segment_and_settles(rest: bytes) -> None:
    """As many segments as before, each meaning the same; encoded twice is encoded once."""
    try:
        once = path_at_target(b"", rest, encode=True)
    except InvalidInput:
        return
    segments = [unquote_to_bytes(each) for each in (rest or b"/").split(b"/")]
    assert segments == [unquote_to_bytes(each) for each in once.split(b"/")]
    assert once == path_at_target(b"", once, encode=True)


@given(path=st.binary(max_size=60), with_entry=st.booleans())
def test_names_and_rest_are_the_path_again(path: bytes, with_entry: bool) -> None:
    """Nothing is lost in between; a path without names is refused and nothing else is raised."""
    try:
        names, rest = split_path(path, with_entry=with_entry)
    except InvalidInput:
        return
    assert b"/" + path.partition(b"/")[2] == names.path.decode().encode("latin-1") + rest


@given(given_query=st.binary(max_size=60), added=st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5))))
def test_the_callers_query_is_kept_to_the_byte(given_query: bytes, added: list[tuple[bytes, bytes]]) -> None:
    """What is added follows it."""
    assert query_at_target(b"", given_query, tuple(added)).startswith(given_query)


@given(text=TEXT)
def test_an_address_is_read_or_refused(text: str) -> None:
    """Nothing that could split a request line is left in it."""
    for candidate in (text, f"http://host/{text}", f"https://{text}"):
        try:
            url = parse_url(candidate, "target URL")
        except Misconfigured:
            continue
        assert not set(url.target) & set(b" \r\n\0") and url.place.host


@given(headers=HEADERS, address=st.sampled_from(["", "10.0.0.1"]))
def test_headers_of_the_hop_never_reach_the_target(headers: list[tuple[bytes, bytes]], address: str) -> None:
    """Whatever a caller sends; and the head always has as many lines as it should."""
    sent = to_target(headers, API, Proof(headers=((b"authorization", b"x"),)), address)
    names = [name for name, _ in sent]
    assert not set(names) & (HOP_BY_HOP | {b"host"}) and [b"x"] == [v for n, v in sent if n == b"authorization"]
    assert len(sent) + 3 == head_of(b"GET", b"/", "shop.test", sent).count(b"\r\n")


@given(value=st.binary(max_size=20))
def test_a_line_break_never_makes_a_header(value: bytes) -> None:
    """A registered value with one is refused."""
    broken = set(value) & set(b"\r\n\0")
    if broken:
        with pytest.raises(Misconfigured):
            head_of(b"GET", b"/", "shop.test", [(b"x-key", value)])
    else:
        assert 3 + 1 == head_of(b"GET", b"/", "shop.test", [(b"x-key", value)]).count(b"\r\n")


@given(status=st.integers(200, 599), headers=HEADERS, location=st.binary(max_size=40))
def test_answers_keep_their_status_or_say_the_targets(
    status: int, headers: list[tuple[bytes, bytes]], location: bytes
) -> None:
    """5xx becomes 502 with the original beside it; a Location of any form is passed or led through the gateway."""
    shown, passed = to_caller(status, [*headers, (b"location", location)], API, b"/api/v1/x")
    assert (shown, dict(passed).get(b"target-system-status")) == (
        (502, str(status).encode()) if status >= 500 else (status, None)
    )
    becomes = relocated(location, API, b"/api/v1/x")
    assert becomes == location or becomes.startswith(b"/app/service")


@given(status=st.sampled_from([200, 201, 400]), body=st.binary(max_size=60))
def test_a_token_is_read_or_refused(status: int, body: bytes) -> None:
    """Any bytes, any status: a token that can be sent, or the one error."""
    try:
        token, seconds = token_of(status, body)
    except UpstreamRefused:
        return
    assert status == 200 and token and (seconds is None or seconds > 0)


@given(said=st.none() | st.floats(0, 1e9), default=st.floats(1, 1e6))
def test_a_token_is_renewed_before_it_ends(said: float | None, default: float) -> None:
    """Never used longer than said."""
    valid, renew = lifetime(said, default)
    assert 0 <= renew <= valid and (said is None or valid <= said)


@given(values=st.dictionaries(st.sampled_from(["headers", "queryParameters", "username", "crt"]), TEXT), kind=TEXT)
def test_secrets_of_any_content_are_read_or_refused(values: dict[str, str], kind: str) -> None:
    """With the one error, and without quoting a value."""
    for made in (
        lambda: parameters_of(values),
        lambda: credentials_of({"type": kind, "secretName": "s"}, lambda _: values),
    ):
        try:
            made()
        except HubError as error:
            assert isinstance(error, Misconfigured)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=40), st.integers(1, 5))
def test_a_breaker_never_shuts_for_good(calls: list[tuple[bool, float]], failures: int) -> None:
    """However calls end, after its pause one is let through; and fewer failures than its number never open it."""
    breaker, now, row = Breaker(failures, 2.0), 0.0, 0
    for succeeded, pause in calls:
        now += pause
        if breaker.wait(now):
            assert row >= failures
        elif succeeded:
            breaker.succeeded()
            row = 0
        else:
            breaker.failed(now)
            row += 1
    assert breaker.wait(now + 2.01) == 0.0
