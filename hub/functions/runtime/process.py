"""One process of a Function, as the hub sees it: started, called, killed. Does I/O (asyncio).

The process is called over a Unix socket with frames; many calls are in hand at once and each has its own time limit.
Answers arrive by callback, so that an event costs neither a task nor a thread. When the process ends, every call in
hand fails at once as `UpstreamUnavailable`, which may be tried again.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import orjson
import structlog

from hub.functions import spans
from hub.functions.model import Answer, Failure, Invocation, Launch
from hub.functions.runtime import frames, programs
from hub.functions.runtime.deadlines import Deadlines
from hub.functions.runtime.frames import Frame
from hub.functions.runtime.groups import make_group
from hub.functions.runtime.speech import meta_of, read_answer
from hub.functions.runtime.starting import Started, end_group, start
from hub.functions.runtime.stream import Stream
from hub.kernel.errors import HubError, InvalidInput, UpstreamUnavailable

log = structlog.get_logger()

Done = Callable[[Answer | HubError], None]
"""Called exactly once per invocation."""

_LASTING = ("SyntaxError", "IndentationError", "TabError", "NoHandlerError")
_TIMED_OUT = b"Timeout while processing the function"
_LAST_MOMENT_SECONDS = 0.5
_TEXT = {"content-type": "text/plain; charset=utf-8"}


class Process(asyncio.Protocol):
    """A started process of a Function; made by `launch`."""

    def __init__(self, launch: Launch, on_end: "Callable[[Process], None]") -> None:
        """Prepare; `on_end` is called once, as soon as the process can take no more calls."""
        self._launch = launch
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._decoder = frames.Decoder()
        self._transport: Any = None
        self._unsent: list[bytes] = []
        self._process: asyncio.subprocess.Process | None = None
        self._calls: dict[int, tuple[Done, float]] = {}
        self._deadlines = Deadlines(self._end_late)
        self._streams: dict[int, tuple[Stream, asyncio.TimerHandle]] = {}
        self._group = make_group(launch.label, launch.limits) if launch.grouped else None
        self._last_number = 0
        self._killed = False
        self.gone = False
        self.begun = False
        """Whether it has become the Function; before, nothing of the Function can be the reason of its end."""
        self.loaded: asyncio.Future[None] = self._loop.create_future()
        self.ended = asyncio.Event()
        self.on_time_out: Callable[[Process], None] = lambda process: process.kill()
        self.on_free: Callable[[Process], None] = lambda _process: None
        self.last_call = self._loop.time()

    @property
    def busy(self) -> int:
        """Return the number of calls in hand."""
        return len(self._calls) + len(self._streams)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid if self._process else 0

    async def spawn(self, spare: Started | None = None) -> None:
        """Have the program run, in a spare interpreter or in a new one; the handler is loaded when `loaded` is done.

        Raises:
            UpstreamUnavailable: the machine cannot start a process.
        """
        try:
            started = spare or await self._start()
            self._process = started.process
            await self._loop.create_unix_connection(lambda: self, sock=started.channel)
        except OSError as error:
            raise UpstreamUnavailable(
                f"Function '{self._launch.label}': no process can be started: {error.strerror or error}.",
                reason="ProcessNotStarted",
            ) from error
        self._watching = self._loop.create_task(self._watch(started.process))
        if spare is not None or not self._launch.node:
            told = programs.what_to_become(self._launch, started.number, self._group_files)
            self._say(Frame(frames.BECOME, 0, told))

    async def _start(self) -> Started:
        launch = self._launch
        return await start(
            lambda channel: programs.command_of(launch, channel, self._group_files),
            launch.environment,
            directory=launch.source,
            log=launch.log,
        )

    @property
    def _group_files(self) -> list[str]:
        return self._group.files if self._group else []

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        end_group(process.pid)  # what the handler started does not outlive it
        if not self._killed:
            log.warning("function.ended", function=self._launch.label, how=_ending(status))
        if self._group is not None:
            self._group.remove()
        self.ended.set()
        self._lose(_ending(status))

    def call(self, invocation: Invocation, timeout_seconds: float, done: Done) -> None:
        """Call the handler; `done` gets the answer, or the error when the process ended."""
        if self.gone or self._transport is None:
            done(self._unavailable("is not running"))
            return
        self._last_number = number = (self._last_number % 0xFFFFFFFF) + 1
        self.last_call = now = self._loop.time()
        until = now + timeout_seconds
        self._calls[number] = (done, until)
        self._deadlines.note(until)
        self._send(frames.encode(Frame(frames.INVOKE, number, meta_of(invocation), invocation.body)))

    def _send(self, encoded: bytes) -> None:
        """Send what is ready until the event loop comes round in one piece: writing costs more than all else."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(encoded)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not self.gone and self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(unsent)

    def _end_late(self, now: float) -> Iterable[float]:
        for number in [number for number, (_, until) in self._calls.items() if until <= now]:
            self._time_out(number)
        return [until for _, until in self._calls.values()]

    def _time_out(self, number: int) -> None:
        call = self._calls.pop(number, None)
        if call is None:  # the one before took it along
            return
        done, _ = call
        self.on_time_out(self)
        failure = Failure("Timeout", "the handler took longer than it may; its process is replaced")
        done(Answer(408, _TEXT, _TIMED_OUT, failure))

    def _time_out_stream(self, number: int) -> None:
        stream, _ = self._streams.pop(number)
        self.on_time_out(self)
        stream.finish(UpstreamUnavailable(f"Function '{self._launch.label}' took longer than it may to answer."))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the process."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what the process says."""
        try:
            for frame in self._decoder.feed(data):
                self._take(frame)
        except ValueError as error:
            log.exception("function.misbehaved", function=self._launch.label, error=str(error))
            self.kill()

    def _take(self, frame: Frame) -> None:
        if frame.kind in (frames.ANSWER, frames.RAISED):
            self._settle(frame)
        elif frame.kind in (frames.CHUNK, frames.END, frames.BROKEN):
            self._continue(frame)
        elif frame.kind == frames.BEGUN:
            self.begun = True
        elif frame.kind == frames.SPAN:
            if frame.call in self._calls or frame.call in self._streams:
                spans.take(frame.header, self._launch.label)
        elif frame.kind == frames.READY and not self.loaded.done():
            if self._group is not None:
                self._group.throttle()
            self.loaded.set_result(None)
        elif frame.kind == frames.LOAD_FAILED and not self.loaded.done():
            self.loaded.set_exception(self._load_error(orjson.loads(frame.header)))

    def _settle(self, frame: Frame) -> None:
        call = self._calls.pop(frame.call, None)
        if call is None:  # answered after its time was over
            return
        done, until = call
        answer, more = read_answer(frame)
        if more:
            answer = replace(answer, rest=self._open_stream(frame.call, until))
        done(answer)
        self.on_free(self)

    def _open_stream(self, number: int, until: float) -> Stream:
        stream = Stream(
            lambda size: self._say(Frame(frames.CREDIT, number, str(size).encode())),
            lambda: self._cancel(number),
        )
        self._streams[number] = (stream, self._loop.call_at(until, self._time_out_stream, number))
        return stream

    def _cancel(self, number: int) -> None:
        self._say(Frame(frames.CANCEL, number))
        self._close_stream(number)

    def _close_stream(self, number: int, error: HubError | None = None) -> None:
        stream, timer = self._streams.pop(number, (None, None))
        if stream is not None and timer is not None:
            timer.cancel()
            stream.finish(error)
            self.on_free(self)

    def _continue(self, frame: Frame) -> None:
        found = self._streams.get(frame.call)
        if found is not None and frame.body:
            found[0].push(frame.body)
        if frame.kind == frames.END:
            self._close_stream(frame.call)
        elif frame.kind == frames.BROKEN:
            said = f"Function '{self._launch.label}' failed in the middle of its answer."
            self._close_stream(frame.call, UpstreamUnavailable(said))

    def _say(self, frame: Frame) -> None:
        if not self.gone and self._transport is not None and not self._transport.is_closing():
            self._send(frames.encode(frame))

    def _load_error(self, said: dict[str, Any]) -> HubError:
        failure = Failure(said["type"], said["message"], said["file"], said["line"])
        return InvalidInput(
            f"The handler cannot be loaded: {failure.sentence()}",
            reason="HandlerLoadFailed",
            line=failure.line,
            passing=failure.type not in _LASTING,  # an import may fail because something else is away
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is in hand: the process has closed its end, by dying as a rule."""
        self._lose("ended")
        # The socket closes before the process is gone; it is given a moment to end by itself and say how.
        self._loop.call_later(_LAST_MOMENT_SECONDS, self.kill)

    def _lose(self, how: str) -> None:
        if not self.loaded.done():
            self.loaded.set_exception(self._unavailable(f"{how} while its handler was being loaded"))
            self.loaded.exception()  # nobody may be waiting for it any more
        if not self.gone:
            self.gone = True
            self._on_end(self)
        self._deadlines.close()
        calls, self._calls = self._calls, {}
        for done, _ in calls.values():
            done(self._unavailable(f"{how} during the invocation"))
        for number in list(self._streams):
            self._close_stream(number, self._unavailable(f"{how} in the middle of its answer"))

    def _unavailable(self, what: str) -> HubError:
        return UpstreamUnavailable(
            f"The process of Function '{self._launch.label}' {what}; it may be tried again.", reason="ProcessEnded"
        )

    def kill(self) -> None:
        """End the process and everything it started, at once."""
        if self._process is not None and not self.ended.is_set():
            self._killed = True
            end_group(self._process.pid)
        if self._transport is not None:
            self._transport.close()


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    if status == -signal.SIGKILL:
        return "was ended by SIGKILL, as the kernel does when it uses more memory than its profile allows,"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


async def launch(
    request: Launch, start_seconds: float, on_end: Callable[[Process], None], spare: Started | None = None
) -> Process:
    """Have a process of a Function and wait until its handler is loaded.

    Args:
        request: what to launch.
        start_seconds: how long loading may take.
        on_end: told when the process has ended.
        spare: a started interpreter to use; one that turns out to have ended is replaced by a new one.

    Raises:
        InvalidInput: the handler cannot be loaded; the text holds type, message and line.
        UpstreamUnavailable: the process cannot be started, ended, or took too long.
    """
    process = Process(request, on_end)
    try:
        return await _loaded(process, request, start_seconds, spare)
    except UpstreamUnavailable:
        if spare is None or process.begun:
            raise
    return await _loaded(Process(request, on_end), request, start_seconds, None)


async def _loaded(process: Process, request: Launch, start_seconds: float, spare: Started | None) -> Process:
    try:
        await process.spawn(spare)
        async with asyncio.timeout(start_seconds):
            await asyncio.shield(process.loaded)
    except TimeoutError as error:
        process.kill()
        raise UpstreamUnavailable(
            f"Function '{request.label}': loading the handler took longer than {start_seconds:g} s.",
            reason="HandlerLoadFailed",
        ) from error
    except BaseException:
        process.kill()
        raise
    return process
