"""One Subscription at work in this process: events in, attempts at its sink, acknowledgements out.

At least once: an event is acknowledged after its sink took it, or after its dead letter is stored - whatever happens
in between, nats-server hands it out again. Each Subscription has its own slots, pauses, breaker and position, so a bad
sink is nobody else's matter.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from hub.dispatch.breaking import Breaker
from hub.dispatch.consumer.attempts import Attempts, Result, Tools
from hub.dispatch.consumer.handing import HandingOut
from hub.dispatch.consumer.holding import Held
from hub.dispatch.consumer.intake import Message
from hub.dispatch.consumer.outbox import IN_PROGRESS
from hub.dispatch.consumer.queueing import Queue
from hub.dispatch.consumer.reading import delivery_of
from hub.dispatch.matching import find_refusal
from hub.dispatch.model import Delivery, Progress
from hub.dispatch.ordering import key_of
from hub.dispatch.planning import Plan, slots_of

log = structlog.get_logger()
Told = Callable[["Line"], None]


def _find_unwanted(plan: Plan, delivery: Delivery) -> str:
    """Return as what an event is passed over; empty when it is wanted."""
    listening = plan.listening
    if not listening.takes(delivery.subject):
        return "filtered"
    refusal = find_refusal(plan.filters, listening.headers_told(delivery.subject, delivery.headers), delivery.body)
    if refusal is None:
        return ""
    return "filter_failed" if refusal.error else "filtered"


class Source(Protocol):
    """Where events come from."""

    def resize(self, slots: int) -> None:
        """Set how many events may be in hand at once."""

    def release(self, count: int = 1) -> None:
        """Free the slots of events whose delivery ended."""


class Line:
    """Delivers the events of one Subscription."""

    def __init__(self, plan: Plan, tools: Tools, source: Source, on_breaker: Told, on_gone: Told) -> None:
        """Prepare; `open` lets events come in.

        Args:
            plan: what the Subscription wants.
            tools: what attempts are made with.
            source: where events come from.
            on_breaker: told when the circuit breaker changed its state.
            on_gone: told when the sink said that it is gone for good; no further attempt begins until `open`.
        """
        self._tools = tools
        self._source = source
        self._on_breaker = on_breaker
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._attempts = Attempts(tools, plan)
        self._queue = Queue(on_ready=self._pump)
        self._handing_out = HandingOut()
        self._is_closing = False
        self.under_way = 0
        self.in_hand = self._queue.in_hand
        self.breaker = Breaker(plan.policy.breaker)
        self.is_open = False
        self._is_gathering = False
        self._is_abandoned = False
        self.leased_until = float("inf")
        """Monotonic seconds; with ordering nothing is sent past it."""
        self.on_gap: Callable[[], None] = lambda: None
        """Told when an event went elsewhere though all should come here; none is sent until it came after all."""
        self.plan = plan

    def use(self, plan: Plan) -> None:
        """Deliver by this plan from now on; what is under way ends by the one it began with."""
        if plan.policy.breaker != self.plan.policy.breaker:
            was_closed, self.breaker = self.breaker.state == "closed", Breaker(plan.policy.breaker)
            if not was_closed:
                self._on_breaker(self)
        self.plan = plan
        self._attempts.use(plan)
        self._resize()
        self._pump()

    def open(self) -> None:
        """Let events come in and go."""
        if not self.is_open and self.plan.policy.ordering_key is not None:
            self._queue.arrange()
        self.is_open, self._is_gathering, self._is_abandoned = True, False, False
        self._resize()
        self._pump()

    def gather(self) -> None:
        """Let events come in and begin no attempt: what nobody has in hand any more comes in between, late."""
        self.is_open, self._is_gathering, self._is_abandoned = False, True, False
        self._resize()

    def lease(self, until: float) -> None:
        """Deliver until then (monotonic seconds); what came in while the lease before had run out goes on now."""
        self.leased_until = until
        self._pump()

    def is_complete(self, handed_out: int, newest: int) -> bool:
        """Return whether everything that was handed out and is not done is in hand here.

        Args:
            handed_out: how many events nats-server counts as such.
            newest: number of the newest handing-out at that moment; what came after it is not counted.
        """
        return self._handing_out.is_complete((held.reply for held in self.in_hand.values()), handed_out, newest)

    def shut(self) -> None:
        """Let no more events come in and begin no attempt; what is in hand waits."""
        self.is_open = self._is_gathering = False
        self._resize()

    def abandon(self) -> None:
        """Let go of everything: another process delivers from here on, and gets again what was not done."""
        self.shut()
        self._is_abandoned = True
        given_up = self._queue.drop_all()
        for held in given_up:
            if held.task is not None:
                held.task.cancel()
        self._source.release(len(given_up))

    def _resize(self) -> None:
        slots = slots_of(self.plan, self._tools.settings.held_events) if self.is_open or self._is_gathering else 0
        self._source.resize(slots if self._is_gathering else self.breaker.allowed(slots))

    def take(self, message: Message) -> None:
        """Take an event that nats-server hands out."""
        if self._is_abandoned:  # asked for before; whoever delivers now gets it as if it had been lost on the way
            self._source.release()
            return
        plan = self.plan
        if plan.policy.ordering_key is not None and self._handing_out.note(message.reply) and self.is_open:
            self.on_gap()
        delivery, handed_out = delivery_of(message)
        known = self.in_hand.get(delivery.sequence)
        if known is not None:  # it took too long to say that it is at work; the newest hand-out counts
            known.reply, known.handed_out = message.reply, handed_out
            known.progress = Progress(known.progress.attempts if known.progress else 0, handed_out)
            self._source.release()
            return
        held = Held(delivery, message.reply, handed_out, self._loop.time())
        if plan.is_choosy and (unwanted := _find_unwanted(plan, delivery)):
            self._attempts.pass_over(held, unwanted)
            self._source.release()
            return
        if plan.policy.ordering_key is not None:
            held.key = key_of(delivery, plan.policy.ordering_key)
        if self._queue.take(held, plan.policy.batch if handed_out == 1 else None):
            self._pump()

    def _pump(self) -> None:
        ready = self._queue.ready
        if not ready or not self.is_open or self._is_closing or self.plan.is_paused:
            return
        if self.leased_until < time.monotonic():
            return
        allowed = self.breaker.allowed(self.plan.concurrency)
        while ready and self.under_way < allowed:
            parcel = ready.popleft()
            self.under_way += 1
            run = self._run(parcel[0]) if len(parcel) == 1 else self._run_batch(parcel)
            task = self._loop.create_task(run)
            for held in parcel:
                held.task = task

    async def _run(self, held: Held) -> None:
        if self.leased_until < time.monotonic():  # the process stood still since; it gives up all it holds next
            held.task = None
            self.under_way -= 1
            self._queue.put_back(held)
            return
        try:
            result = await self._attempts.make(held)
        except Exception as error:
            log.exception("bug.caught", subscription=self.plan.label, sequence=held.delivery.sequence)
            result = await self._attempts.bury_bug(held, error)
        finally:
            held.task = None
            self.under_way -= 1
        if result.is_gone and self.is_open:
            self.shut()
            self._on_gone(self)
        self._conclude(held, result)
        self._judge_sink(result.failed)
        self._pump()

    async def _run_batch(self, batch: list[Held]) -> None:
        try:
            failed, results = await self._attempts.make_batch(batch)
        except Exception as error:
            log.exception("bug.caught", subscription=self.plan.label, events=len(batch))
            failed, results = False, [await self._attempts.bury_bug(held, error) for held in batch]
        finally:
            for held in batch:
                held.task = None
            self.under_way -= 1
        if results is None:
            for held in batch:
                self._queue.put_again(held)
        else:
            for held, result in zip(batch, results, strict=True):
                self._conclude(held, result)
        self._judge_sink(failed)
        self._pump()

    def _conclude(self, held: Held, result: Result) -> None:
        if result.pause_seconds is not None:
            held.timer = self._loop.call_later(result.pause_seconds, self._again, held)
            return
        self._queue.leave(held)
        self._source.release()

    def _again(self, held: Held) -> None:
        held.timer = None
        self._queue.put_again(held)
        self._pump()

    def _judge_sink(self, failed: bool | None) -> None:
        if failed is None:
            return
        if self.breaker.record(failed=failed, now=self._loop.time()):
            self._breaker_changed()
        level = self.breaker.find_warning()
        if level is not None:
            log.warning("breaker.warned", subscription=self.plan.label, percent=level, failures=self.breaker.failures)

    def _breaker_changed(self) -> None:
        log.warning("breaker.changed", subscription=self.plan.label, state=self.breaker.state)
        if self.breaker.state == "open":
            self._loop.call_later(self.breaker.seconds_to_probe(self._loop.time()), self._probe)
        self._resize()
        self._on_breaker(self)

    def _probe(self) -> None:
        if self.breaker.wait_over(self._loop.time() + 0.001):
            self._breaker_changed()
            self._pump()

    def touch(self, now: float, older_than: float) -> None:
        """Tell nats-server that deliveries which take long are still at work."""
        send = self._tools.outbox.send
        for held in self.in_hand.values():
            if held.touched <= now - older_than:
                held.touched = now
                send(held.reply, IN_PROGRESS)

    def close(self) -> None:
        """Begin no attempt any more; what waits goes back at once, unless its order matters."""
        self._is_closing = True
        if self.plan.policy.ordering_key is None:
            self.give_back_waiting()

    def tasks(self) -> set[asyncio.Task[None]]:
        """Return the attempts under way."""
        return {held.task for held in self.in_hand.values() if held.task is not None}

    def give_back_waiting(self) -> None:
        """Give back what is in hand and not under way, oldest first; what waits for its next attempt here stays."""
        self._give_back(self._queue.drop_waiting())

    def give_back_all(self) -> None:
        """Give back everything that is in hand, oldest first; no attempt is under way any more."""
        self._give_back(self._queue.drop_all())

    def _give_back(self, given: list[Held]) -> None:
        for held in given:
            self._attempts.hand_back(held)
        self._source.release(len(given))
