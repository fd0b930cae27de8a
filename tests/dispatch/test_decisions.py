"""The pure decisions of deliveries, held against what upstream and the best peers assert. The vectors are data."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts import subjects
from hub.dispatch import policy
from hub.dispatch.breaking import Breaker, BreakerRule
from hub.dispatch.kinds import SUBSCRIPTION, admit_subscription
from hub.dispatch.model import Answer, Progress
from hub.dispatch.retrying import Moment, is_retried, judge, judge_arrival, pause_of
from hub.dispatch.signing import keys_of, message_id, signed_headers
from hub.dispatch.sinking import sink_of
from hub.dispatch.validation import in_flight_of
from hub.kernel.errors import HubError, InvalidField
from hub.kernel.resource import Resource

VECTORS = Path(__file__).parent / "vectors"
SUBSCRIPTIONS = orjson.loads((VECTORS / "subscriptions.json").read_bytes())
DELIVERIES = orjson.loads((VECTORS / "deliveries.json").read_bytes())
VALID = {
    "sink": "https://svc.default.svc.cluster.local",
    "typeMatching": "standard",
    "source": "shop",
    "types": ["order.created.v1"],
}


@pytest.mark.parametrize("vector", SUBSCRIPTIONS, ids=lambda vector: vector["name"])
def test_subscriptions_are_judged_as_upstream_does(vector: dict[str, Any]) -> None:
    """Path, value and detail of each violation, in upstream's order and rendering.

    Source: kyma-project/eventing-manager, internal/controller/eventing/subscription/validator/spec_test.go.
    """
    scope = vector.get("scope", "default")
    spec = VALID | {"sink": f"https://svc.{scope}.svc.cluster.local"} | vector["spec"]
    resource = Resource(SUBSCRIPTION.api_versions[0], "Subscription", "orders", scope, spec)
    expected = [f'{path}: Invalid value: "{value}": {detail}' for path, value, detail in vector["errors"]]
    try:
        admit_subscription(resource, None)
    except InvalidField as error:
        assert expected == error.fields["violations"]
    else:
        assert not expected


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in DELIVERIES["refused"].items() for value in values], ids=str
)
def test_what_cannot_be_honoured_is_refused_with_its_path(field: str, value: Any) -> None:
    """Nothing of `spec.delivery` is passed over."""
    with pytest.raises(HubError) as refused:
        policy.read({field: value})
    assert str(refused.value.fields["field"]).startswith(f"spec.delivery.{field}")


def test_ordering_and_batches_exclude_each_other() -> None:
    """Events of a batch have no order among them that an answer could keep."""
    with pytest.raises(InvalidField):
        policy.read({"ordering": {"key": "partitionkey"}, "batch": {}})


@pytest.mark.parametrize("name", ["batch", "signing"])
def test_only_http_sinks_take_batches_and_signatures(name: str) -> None:
    """A Function gets its events one by one and knows who calls."""
    wish = {"batch": {}, "signing": {"secretName": "hook"}}[name]
    spec = VALID | {"sink": "function:f", "delivery": {name: wish}}
    with pytest.raises(InvalidField) as refused:
        admit_subscription(Resource("v1", "Subscription", "orders", "default", spec), None)
    assert refused.value.fields["field"] == f"spec.delivery.{name}"


def test_a_signature_is_the_one_that_everybody_computes() -> None:
    """Source: svix/svix-webhooks, go/webhook_test.go."""
    vector = DELIVERIES["signature"]
    keys = keys_of({"current": vector["secret"]}, "hook")
    headers = signed_headers(keys, vector["id"], vector["timestamp"], vector["body"].encode())
    assert headers == {
        "webhook-id": vector["id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["expected"],
    }


@pytest.mark.parametrize(
    "values", [{}, {"current": ""}, {"current": "whsec_"}, {"current": "not base64 %"}, {"previous": "x"}]
)
def test_what_is_no_signing_key_is_refused_without_being_shown(values: dict[str, str]) -> None:
    """An empty secret signs nothing."""
    with pytest.raises(InvalidField) as refused:
        keys_of(values, "hook")
    assert "not base64 %" not in refused.value.detail


def test_the_id_of_a_message_depends_on_source_and_id() -> None:
    """Equal ids of two sources are two messages."""
    assert message_id("a", "1") == message_id("a", "1") != message_id("b", "1")
    assert message_id("a", "bc") != message_id("ab", "c")


@pytest.mark.parametrize("status", DELIVERIES["retried"]["yes"])
def test_answers_that_may_pass_are_tried_again(status: int | None) -> None:
    """Source: knative/pkg, kncloudevents/retries_test.go."""
    assert is_retried(Answer(status), policy.Policy())


@pytest.mark.parametrize("status", DELIVERIES["retried"]["no"])
def test_other_answers_are_final(status: int) -> None:
    """Source: knative/pkg, kncloudevents/retries_test.go."""
    assert not is_retried(Answer(status), policy.Policy())


def test_a_success_that_was_cut_off_is_tried_again() -> None:
    """The status came, the rest of the answer did not."""
    answer = Answer(200, error="The connection was closed in the middle of the answer.")
    assert judge(answer, Progress(1), 0.0, policy.Policy(), Moment(1.0)).action == "retry"


@pytest.mark.parametrize("vector", DELIVERIES["waits"], ids=lambda vector: f"{vector['policy']}-{vector['initial']}")
def test_pauses_grow_as_they_do_elsewhere(vector: dict[str, Any]) -> None:
    """Source: knative/pkg, kncloudevents/retries_test.go; `initial` is the first pause, its base doubled."""
    written = {"policy": vector["policy"], "initial": f"{vector['initial']}s", "jitter": 0}
    wishes = policy.read({"maxAttempts": 9, "backoff": written})
    pauses = [judge(Answer(500), Progress(n), 0.0, wishes, Moment(0.0)).pause_seconds for n in range(1, 6)]
    assert vector["expected"] == pauses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("99999999999999999999", 3600.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 100.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("-3", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_a_sink_may_ask_for_a_pause(text: str, expected: float) -> None:
    """Seconds or a date; bounded by a limit of its own, not by the backoff's."""
    assert expected == pause_of(text, 0.0, 3600.0)


def test_the_pause_of_a_sink_outlives_the_longest_backoff() -> None:
    """Only of a 429 or 503."""
    wishes = policy.read({"backoff": {"initial": "1ms", "max": "10ms"}})
    pauses = [
        judge(Answer(status, retry_after="60"), Progress(1), 0.0, wishes, Moment(0.0, 0.0, 3600.0)).pause_seconds
        for status in (429, 503, 500)
    ]
    assert [60.0, 60.0, 0.001] == pauses


def test_the_breaker_goes_through_its_states() -> None:
    """Source: frain-dev/convoy, pkg/circuit_breaker/circuit_breaker_manager_test.go."""
    breaker, now = Breaker(BreakerRule(0.5, 10, 30)), 0.0
    for step in DELIVERIES["breaker"]:
        now += step.get("after", 0)
        breaker.wait_over(now)
        for failed in [True] * step.get("failed", 0) + [False] * step.get("succeeded", 0):
            breaker.record(failed=failed, now=now)
        assert (breaker.state, step) == (step["state"], step)


def test_a_breaker_waits_longer_each_time() -> None:
    """One crash that failed everything in hand costs a second; a sink that stays down is left alone up to the limit."""
    breaker, now, pauses = Breaker(BreakerRule(0.5, 2, 30)), 0.0, []

    def opened(times: int) -> list[float]:
        nonlocal now
        pauses.clear()
        for _ in range(times):
            while breaker.state != "open":
                breaker.record(failed=True, now=now)
            pauses.append(breaker.seconds_to_probe(now))
            now += pauses[-1]
            assert breaker.wait_over(now)
        return list(pauses)

    assert opened(7) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    breaker.record(failed=False, now=now)
    assert breaker.state == "closed"
    assert opened(1) == [30.0], "one good probe is no recovery"
    for _ in range(3):
        breaker.record(failed=False, now=now)
    assert opened(1) == [1.0]


def test_the_breaker_warns_before_it_opens() -> None:
    """At 50, 70 and 90 per cent of the failures that open it, once each, and again after it got better."""
    breaker = Breaker(BreakerRule(0.5, 20, 30))

    def warnings_of(*outcomes: bool) -> list[int]:
        found = []
        for failed in outcomes:
            breaker.record(failed=failed, now=0.0)
            found.append(breaker.find_warning())
        return [level for level in found if level]

    assert [50, 70, 90] == warnings_of(*[False] * 10, *[True] * 9)
    assert [] == warnings_of(*[False] * 20)
    assert [50] == warnings_of(*[True] * 5)


def test_a_breaker_that_was_left_out_never_opens() -> None:
    """`circuitBreaker: off`."""
    breaker = Breaker(policy.read({"circuitBreaker": False}).breaker)
    assert not any(breaker.record(failed=True, now=0.0) for _ in range(1000))
    assert breaker.allowed(7) == 7


@pytest.mark.parametrize(("config", "expected"), DELIVERIES["in_flight"], ids=str)
def test_the_number_in_flight_is_read_as_upstream_does(config: dict[str, str], expected: int) -> None:
    """Source: kyma-project/kyma, components/eventing-controller/api/v1alpha2/subscription_types_test.go."""
    assert expected == in_flight_of(config)


def test_deliveries_to_lost_workers_are_no_attempts_but_not_endless() -> None:
    """Each hand-out of which nothing was heard counts apart; too many of them end in a dead letter."""
    wishes = policy.Policy(max_attempts=1)
    progress = Progress().on_arrival(4)
    assert progress == Progress(attempts=0, handed_out=4, lost=3)
    assert judge_arrival(progress, 0.0, wishes, 0.0, most_lost=3) is None
    verdict = judge_arrival(progress.on_arrival(6), 0.0, wishes, 0.0, most_lost=3)
    assert verdict is not None and verdict.kind == "no-answer"


def test_news_of_an_older_consumer_counts_for_nothing() -> None:
    """After another position was set nats-server counts from one again."""
    assert Progress(9, 9, 9).on_arrival(1) == Progress(handed_out=1)


@pytest.mark.parametrize(
    ("sink", "expected"),
    [
        ("http://orders.shop.svc.cluster.local:8080/in?a=b", "http://10.0.0.7:80/in?a=b"),
        ("https://example.com/", "https://example.com/"),
    ],
)
def test_a_service_of_the_cluster_may_be_elsewhere(sink: str, expected: str) -> None:
    """A setting says where; path and query stay."""
    assert expected == sink_of(sink, "shop", {"orders.shop": "http://10.0.0.7:80/"}).url


def test_a_service_that_is_not_listed_is_a_function() -> None:
    """Manifests that name a Function by its address in the cluster work unchanged."""
    found = sink_of("http://orders.shop.svc.cluster.local", "shop")
    assert (found.kind, found.scope, found.name) == ("function", "shop", "orders")


def test_names_of_consumers_are_short_and_stay_apart() -> None:
    """nats-server keeps a consumer in a folder of its name, and allows no dot."""
    names = {subjects.durable(scope, name) for scope in ("a.b", "a-b") for name in ("n" * 253, "n" * 252 + "m", "x.y")}
    assert len(names) == 6
    assert all(len(name) <= 200 and "." not in name for name in names)
