"""One attempt from beginning to end: send, judge, record, settle. The only place that acknowledges an event."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from hub.dispatch import spans
from hub.dispatch.consumer.endings import Endings
from hub.dispatch.consumer.holding import Held
from hub.dispatch.consumer.outbox import TERMINATE, Outbox
from hub.dispatch.ending import Attempt
from hub.dispatch.metering import DELIVERIES, DELIVERY_SECONDS
from hub.dispatch.model import Answer, Progress
from hub.dispatch.planning import Plan
from hub.dispatch.retrying import TAKEN, Moment, Verdict, is_gone, is_retried, judge, judge_arrival, judge_chain
from hub.dispatch.settings import DispatchSettings
from hub.dispatch.sinks import sender, sender_of_batches
from hub.dispatch.sinks.outside import Outside
from hub.dispatch.store import FORGET, encoded, retry_subject
from hub.kernel.errors import BrokerUnavailable

log = structlog.get_logger()
_OUTCOMES = ("ack", "retry", "dead_letter", "filtered", "filter_failed")
_UNBURIED_PAUSE_SECONDS = 5.0
_UNKNOWN_PAUSE_SECONDS = 1.0
_MOST_REMEMBERED = 20_000
Recall = Callable[[str, int], Awaitable[Progress | None]]
"""Consumer and position → what another worker, or this one before a restart, noted of an event."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What attempts are made with; one per process."""

    outside: Outside
    outbox: Outbox
    endings: Endings
    recall: Recall
    settings: DispatchSettings


class Result(NamedTuple):
    """What an attempt leaves to do."""

    failed: bool | None
    """Whether it says something bad about the sink; None when no attempt was made."""
    pause_seconds: float | None = None
    """The event stays in hand and is tried again after this pause; None when it is settled."""
    is_gone: bool = False
    """The sink says that nothing will ever be taken there again."""


_SUCCEEDED = Result(False)
_FIRST = Progress(handed_out=1)


class Attempts:
    """Makes the attempts of one Subscription."""

    def __init__(self, tools: Tools, plan: Plan) -> None:
        """Prepare for a plan."""
        self._tools = tools
        self._send_out = tools.outbox.send
        self._acknowledge = tools.outbox.acknowledge
        self._remembered: dict[int, Progress] = {}
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Work by this plan from now on; what is under way ends by the one it began with."""
        self.plan = plan
        self._send = sender(self._tools.outside, plan)
        self._send_batch = sender_of_batches(self._tools.outside, plan) if plan.policy.batch else None
        self._count = {name: DELIVERIES.labels(plan.label, name) for name in _OUTCOMES}

    def pass_over(self, held: Held, outcome: str) -> None:
        """Acknowledge an event that the filters refuse."""
        self._acknowledge(held.reply)
        self._count[outcome].inc()

    async def make(self, held: Held) -> Result:
        """Make one attempt and settle the event by what comes of it."""
        plan, progress = self.plan, held.progress
        if progress is None:
            try:
                progress = held.progress = _FIRST if held.handed_out == 1 else await self._progress_of(held)
            except BrokerUnavailable as error:  # what was tried before is not known now: it waits here, untouched
                log.debug("progress.unknown", subscription=plan.label, error=error.detail)
                return Result(None, _UNKNOWN_PAUSE_SECONDS)
        given_up = self._judge_before(plan, held, progress)
        if given_up is not None:
            return Result(None, await self._give_up(plan, held, given_up, Answer(None)))
        sent, held.span = spans.opened(held.delivery)
        began = time.perf_counter()
        answer = await self._send(sent, progress.attempts + 1)
        seconds = time.perf_counter() - began
        DELIVERY_SECONDS.observe(seconds)
        if answer.is_success and not answer.error:
            self._succeed(plan, held, answer, seconds)
            return _SUCCEEDED
        return await self._fail(plan, held, answer, seconds)

    async def make_batch(self, batch: Sequence[Held]) -> tuple[bool, list[Result] | None]:
        """Make one attempt for several events at once; each is settled by itself.

        Returns:
            Whether it says something bad about the sink, and the results in order; none when the sink refuses the
            batch for good, which may be the fault of one of its events: each is to be sent alone then.
        """
        plan = self.plan
        assert self._send_batch is not None  # noqa: S101 - narrows the type for the checker
        for held in batch:
            _, held.span = spans.opened(held.delivery)
        began = time.perf_counter()
        answer = await self._send_batch([held.delivery for held in batch])
        seconds = time.perf_counter() - began
        DELIVERY_SECONDS.observe(seconds)
        if answer.is_success and not answer.error:
            self._acknowledge(*[held.reply for held in batch])
            self._count["ack"].inc(len(batch))
            for held in batch:
                self._settle(plan, held, answer, seconds)
            return False, [_SUCCEEDED] * len(batch)
        if not is_retried(answer, plan.policy):
            return False, None
        return True, [await self._fail(plan, held, answer, seconds) for held in batch]

    async def _progress_of(self, held: Held) -> Progress:
        known = self._remembered.get(held.delivery.sequence)
        if known is None or known.handed_out != held.handed_out - 1:  # another worker had it in between
            known = await self._tools.recall(self.plan.durable, held.delivery.sequence)
        return (known or Progress()).on_arrival(held.handed_out)

    def _judge_before(self, plan: Plan, held: Held, progress: Progress) -> Verdict | None:
        settings = self._tools.settings
        if progress.handed_out > 1 or plan.policy.max_age_seconds is not None:
            stored_at, now = held.delivery.stored_at, time.time()
            verdict = judge_arrival(progress, stored_at, plan.policy, now, settings.most_lost)
            if verdict is not None:
                return verdict
        return judge_chain(held.delivery, settings.chain_limit) if plan.sink.kind == "function" else None

    def _succeed(self, plan: Plan, held: Held, answer: Answer, seconds: float) -> None:
        self._acknowledge(held.reply)
        self._count["ack"].inc()
        self._settle(plan, held, answer, seconds)

    def _settle(self, plan: Plan, held: Held, answer: Answer, seconds: float) -> None:
        if held.span is not None:
            number = (held.progress.attempts if held.progress else 0) + 1
            spans.end(held.span, plan, held.delivery, (number, answer, "delivered"))
        if held.handed_out > 1 or (held.progress is not None and held.progress.attempts):
            self._forget(held)
        if self._tools.settings.record_successes:
            number = (held.progress.attempts if held.progress else 0) + 1
            self._tools.endings.record(plan, held.delivery, Attempt(number, time.time(), seconds, answer, TAKEN))

    async def _fail(self, plan: Plan, held: Held, answer: Answer, seconds: float) -> Result:
        progress = held.progress = (held.progress or Progress(handed_out=held.handed_out)).after_attempt()
        chance = random.random()  # noqa: S311 - spreads load; nothing secret depends on it
        moment = Moment(time.time(), chance, self._tools.settings.retry_after_limit_seconds)
        verdict = judge(answer, progress, held.delivery.stored_at, plan.policy, moment)
        attempt = Attempt(progress.attempts, moment.now, seconds, answer, verdict)
        self._tools.endings.record(plan, held.delivery, attempt)
        spans.end(held.span, plan, held.delivery, (progress.attempts, answer, verdict.action.replace("_", " ")))
        failed = is_retried(answer, plan.policy)
        if verdict.action == "dead_letter":
            return Result(failed, await self._give_up(plan, held, verdict, answer), is_gone(answer, plan.sink))
        self._count["retry"].inc()
        return Result(failed, self._postpone(plan, held, progress, verdict.pause_seconds))

    async def bury_bug(self, held: Held, error: Exception) -> Result:
        """Give an event up that our own code cannot deliver."""
        verdict = Verdict("dead_letter", "bug", f"Internal error: {type(error).__name__}.")
        return Result(None, await self._give_up(self.plan, held, verdict, Answer(None)))

    async def _give_up(self, plan: Plan, held: Held, verdict: Verdict, answer: Answer) -> float | None:
        progress = held.progress or Progress(handed_out=held.handed_out)
        if not await self._tools.endings.bury(plan, held.delivery, verdict, answer, progress.attempts):
            return self._postpone(plan, held, progress, _UNBURIED_PAUSE_SECONDS)
        self._send_out(held.reply, TERMINATE)
        self._count["dead_letter"].inc()
        self._forget(held)
        return None

    def _postpone(self, plan: Plan, held: Held, progress: Progress, seconds: float) -> float | None:
        """Give the event back for a while; where order matters it stays here instead, and blocks its key."""
        self._note(held, progress)
        if plan.policy.ordering_key is not None:
            return seconds
        self._tools.outbox.nack(held.reply, seconds)
        return None

    def hand_back(self, held: Held) -> None:
        """Give an event back at once, for another process; that is no attempt."""
        self._note(held, held.progress or Progress(handed_out=held.handed_out))
        self._tools.outbox.nack(held.reply)

    def _note(self, held: Held, progress: Progress) -> None:
        # Sent before the event is given back, on the same connection: whoever gets it next finds it.
        self._send_out(retry_subject(self.plan.durable, held.delivery.sequence), encoded(progress))
        self._remembered[held.delivery.sequence] = progress
        if len(self._remembered) > _MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    def _forget(self, held: Held) -> None:
        self._remembered.pop(held.delivery.sequence, None)
        self._send_out(retry_subject(self.plan.durable, held.delivery.sequence), b"", headers=FORGET)
