"""Who runs an invocation inside a Function's process: the thread that read it, or one of a crew.

A switch between threads costs more than a short handler, and a thread that returns from the socket waits for the
interpreter while others compute. So the reading thread (the leader) runs short handlers itself, one after another; a
watch makes another thread the leader when a handler keeps it longer than a moment. While handlers are long, each gets
a thread of its own at once. Either way no invocation waits for another one. Standard library only.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from hub.functions.runtime.frames import INVOKE, Decoder, Frame

_READ_BYTES = 262_144
_LONG_SECONDS = 0.001
_SHORT_SECONDS = 0.0003
_LONGEST_SECONDS = 0.004
"""What a longer one counts as: one that the machine interrupted says little about the handler."""
_WATCH_SECONDS = 0.004
_QUIET_ROUNDS = 12
_ANSWERS_TOGETHER = 16


class Crew:
    """Reads invocations from the socket, has them run, and writes their answers."""

    def __init__(
        self,
        channel: socket.socket,
        invoke: Callable[[Frame], bytes],
        told: Callable[[Frame], None],
        end: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            channel: the socket to the hub.
            invoke: turns an invocation into the encoded answer.
            told: takes every other frame, at once.
            end: called when the socket has closed.
        """
        self._channel = channel
        self._invoke = invoke
        self._told = told
        self._end = end
        self._decoder = Decoder()
        self._backlog: deque[Frame] = deque()
        self._unsent: list[bytes] = []
        self._writing = threading.Lock()
        self._duty = threading.Lock()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._parked = False
        self._term = 0
        self._since = 0.0
        self._served = 0
        self._usual_seconds = 0.0
        self._long = False
        self._idle = 0
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def serve(self) -> None:
        """Lead, and later work, on the calling thread; returns never."""
        threading.Thread(target=self._watch, daemon=True).start()
        self._lead()
        self._work()

    def send(self, encoded: bytes) -> None:
        """Write one or more whole frames."""
        with self._writing:
            try:
                self._channel.sendall(encoded)
            except OSError:
                self._end()

    def _lead(self) -> None:
        """Read and run until another thread has taken over."""
        term = self._term
        while self._run_backlog(term):
            self._flush()
            chunk = self._receive()
            if not chunk:
                self._end()
                return
            self._backlog.extend(self._decoder.feed(chunk))

    def _receive(self) -> bytes:
        try:
            return self._channel.recv(_READ_BYTES)
        except OSError:
            return b""

    def _run_backlog(self, term: int) -> bool:
        """Run what has been read; returns whether this thread still leads."""
        while self._backlog:
            frame = self._backlog.popleft()
            if frame.kind != INVOKE:
                self._told(frame)
            elif self._long:
                self._give(lambda frame=frame: self._run_alone(frame))  # type: ignore[misc]  # binds now, not later
            elif not self._run_here(frame, term):
                return False
            if len(self._unsent) >= _ANSWERS_TOGETHER:
                self._flush()
        return True

    def _run_here(self, frame: Frame, term: int) -> bool:
        self._since = began = time.monotonic()
        if self._parked:
            self._parked = False
            self._bell.release()
        answer = self._invoke(frame)
        with self._duty:
            if self._term == term:
                self._since = 0.0
                self._unsent.append(answer)
                self._learn(time.monotonic() - began)
                return True
        self.send(answer)
        return False

    def _run_alone(self, frame: Frame) -> None:
        began = time.monotonic()
        self.send(self._invoke(frame))
        self._learn(time.monotonic() - began)

    def _learn(self, seconds: float) -> None:
        self._served += 1
        self._usual_seconds += (min(seconds, _LONGEST_SECONDS) - self._usual_seconds) / 8
        self._long = self._usual_seconds > (_SHORT_SECONDS if self._long else _LONG_SECONDS)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent:
            self.send(b"".join(unsent))

    def _give(self, job: Callable[[], None]) -> None:
        """Have a job done by an idle thread, or by a new one."""
        with self._duty:
            idle = self._idle > 0
            if idle:
                self._idle -= 1
        if not idle:
            threading.Thread(target=self._work, daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._duty:
                self._idle += 1

    def _watch(self) -> None:
        """Replace a leader that a handler keeps from one look to the next; sleeps for good while nothing is called."""
        while True:
            self._parked = True
            self._bell.acquire()
            quiet = 0
            while quiet < _QUIET_ROUNDS:
                served, since = self._served, self._since
                time.sleep(_WATCH_SECONDS)
                if since and self._since == since:
                    self._take_over(since)
                quiet = 0 if self._since or served != self._served else quiet + 1

    def _take_over(self, since: float) -> None:
        with self._duty:
            if self._since != since:  # it has just finished
                return
            self._term += 1
            self._since = 0.0
            self._long = True
            self._usual_seconds = max(self._usual_seconds, 2 * _LONG_SECONDS)
        self._flush()
        self._give(self._lead)
