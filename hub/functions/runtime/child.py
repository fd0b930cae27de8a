"""The program of a Function's process: loads the handler, then answers invocations until its socket closes.

Several invocations are in hand at once (see `crew`). When the hub goes away, however it dies, the socket ends and with
it this process and everything the handler started. Standard library only and few imports: a process is there in some
30 ms. Nothing of the hub is visible to the handler.
"""

import importlib
import json
import os
import signal
import socket
import sys
import types
from typing import Any

from hub.functions.runtime import answers, event, frames, output
from hub.functions.runtime.crew import Crew
from hub.functions.runtime.frames import Frame
from hub.functions.runtime.publisher import Publisher
from hub.functions.runtime.request import Request

_TRACEBACK_FRAMES = 20
_PR_SET_PDEATHSIG = 1
_TEXT = {"content-type": "text/plain; charset=utf-8"}
_ERROR_BODY = b"Internal server error"


class NoHandlerError(TypeError):
    """The source defines no handler."""


class Child:
    """The handler, and the socket over which it is called."""

    def __init__(self, channel: socket.socket, setup: dict[str, Any]) -> None:
        """Prepare output and means of publishing; the handler is not loaded yet."""
        self._setup = setup
        self._crew = Crew(channel, self._encoded, end)
        self._invocation = output.Invocation()
        output.capture(output.LogFile(setup["log"], setup["log_limit_bytes"]), self._invocation)
        self._publisher = Publisher(os.environ.get("PUBLISHER_PROXY_ADDRESS", ""), self._invocation)
        self._context = setup["context"]
        self._main: Any = None

    def load(self) -> bool:
        """Import the handler and tell the hub how it went."""
        name = os.environ.get("FUNC_HANDLER", "main")
        try:
            module = importlib.import_module(os.environ.get("MOD_NAME", "handler"))
            self._main = getattr(module, name, None)
            if not callable(self._main):
                raise NoHandlerError(f"handler.py has no function '{name}(event, context)'")  # noqa: TRY301
        except BaseException as error:  # a handler may even call sys.exit() while it is loaded
            self._report(error)
            self._crew.send(frames.encode(Frame(frames.LOAD_FAILED, 0, _header(self._failure(error)))))
            return False
        self._crew.send(frames.encode(Frame(frames.READY, 0)))
        return True

    def serve(self) -> None:
        """Answer invocations until the hub closes the socket."""
        self._crew.serve()

    def _encoded(self, frame: Frame) -> bytes:
        try:
            return frames.encode(self._invoke(frame))
        except ValueError as error:  # an answer too long for a frame
            return frames.encode(self._raised(frame.call, error))

    def _invoke(self, frame: Frame) -> Frame:
        meta = json.loads(frame.header)
        request = Request(meta, frame.body)
        invocation = self._invocation
        invocation.call = frame.call
        invocation.event = request.headers.get("ce-id", "")
        invocation.traceparent = request.headers.get("traceparent", "")
        try:
            fields = event.event_fields(request)
        except event.InvalidEventError as error:
            return _answer(frame.call, (400, _TEXT, f"Bad request: {error}".encode()))
        try:
            return _answer(frame.call, self._run(event.Event(fields, self._publisher.publish)))
        except BaseException as error:  # whatever user code raises fails this invocation and no other
            return self._raised(frame.call, error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            invocation.call = 0

    def _run(self, argument: event.Event) -> answers.Answer:
        returned = self._main(argument, dict(self._context))
        if isinstance(returned, types.CoroutineType):
            import asyncio  # only functions written as coroutines pay for the import

            returned = asyncio.run(returned)
        return answers.answer_of(returned)

    def _raised(self, call: int, error: BaseException) -> Frame:
        if answers.is_response(error):  # Bottle's HTTPResponse and HTTPError are raised as well as returned
            return _answer(call, answers.answer_of(error))
        self._report(error)
        return Frame(frames.RAISED, call, _header(self._failure(error)), _ERROR_BODY)

    def _report(self, error: BaseException) -> None:
        import traceback

        own = self._own_frames(error)
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(own)] if own else []
        sys.stderr.write("".join([*lines, *traceback.format_exception_only(error)]))
        sys.stderr.flush()

    def _own_frames(self, error: BaseException) -> list[Any]:
        import traceback

        inside = os.path.dirname(__file__)  # noqa: PTH120 - pathlib would double the start-up time
        return [
            step
            for step in traceback.extract_tb(error.__traceback__)[-_TRACEBACK_FRAMES:]
            if not step.filename.startswith((inside, "<frozen"))
        ]

    def _failure(self, error: BaseException) -> dict[str, Any]:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        where = self._where(error)
        return {"type": type(error).__name__, "message": text[:2000], "line": where[1], "file": where[0]}

    def _where(self, error: BaseException) -> tuple[str, int]:
        """Return file and line in the user's own source, where there is one."""
        source = self._setup["source"]
        if isinstance(error, SyntaxError) and error.filename:
            return os.path.basename(error.filename), error.lineno or 0  # noqa: PTH119 - see above
        steps = [step for step in self._own_frames(error) if step.filename.startswith(source)]
        return (os.path.basename(steps[-1].filename), steps[-1].lineno or 0) if steps else ("", 0)  # noqa: PTH119


def _header(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def _answer(call: int, answer: answers.Answer) -> Frame:
    status, headers, body = answer
    return Frame(frames.ANSWER, call, _header({"status": status, "headers": headers}), body)


def end() -> None:
    """End this process and everything it started, at once."""
    os.killpg(0, signal.SIGKILL)


def follow_parent() -> None:
    """Let the kernel end this process with the hub, even while C code holds the interpreter (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Run as `-c` of the process: arguments are the socket's descriptor and the set-up as JSON."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    setup = json.loads(sys.argv[2])
    sys.argv = ["handler.py"]
    sys.path[:0] = [setup["source"], *setup["libraries"]]
    child = Child(channel, setup)
    if child.load():
        follow_parent()
        child.serve()
    end()
