"""The program of a Function's process: becomes it, loads the handler, then answers invocations until its socket closes.

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
from typing import Any

from hub.functions.runtime import answers, event, frames, handlers, mounts, offered, output, tracing
from hub.functions.runtime.become import become
from hub.functions.runtime.crew import Crew
from hub.functions.runtime.flow import Flow, StoppedError
from hub.functions.runtime.frames import Frame
from hub.functions.runtime.publisher import Publisher
from hub.functions.runtime.request import Request, parsed
from hub.functions.runtime.spans import TRACER

_TRACEBACK_FRAMES = 20
_TEXT = {"content-type": "text/plain; charset=utf-8"}
_ERROR_BODY = b"Internal server error"
_MOST_KNOWN = 100
_HEADERS_KNOWN: dict[tuple[Any, ...], bytes] = {}
"""Status and only header of an answer → as it is sent: nearly all answers of a Function begin alike."""


class NoHandlerError(TypeError):
    """The source defines no handler."""


class Child:
    """The handler, and the socket over which it is called."""

    def __init__(self, channel: socket.socket, setup: dict[str, Any]) -> None:
        """Prepare output and means of publishing; the handler is not loaded yet."""
        self._setup = setup
        self._crew = Crew(channel, self._encoded, self._told, end)
        self._flows: dict[int, Flow] = {}
        self._invocation = output.Invocation()
        output.hide(setup["sealed"])
        output.capture(output.LogFile(setup["log"], setup["log_limit_bytes"]), self._invocation)
        self._publisher = Publisher(os.environ.get("PUBLISHER_PROXY_ADDRESS", ""), self._invocation)
        self._offer = offered.Offer(setup["context"], self._publisher.publish, self._invocation)
        self._call = handlers.STYLES[setup["style"]]
        TRACER.connect(self._invocation, self._told_span)
        self._main: Any = None
        self._traced = False

    def load(self) -> bool:
        """Import the handler and tell the hub how it went."""
        name = os.environ.get("FUNC_HANDLER") or os.environ.get("HANDLER_FUNC_NAME") or "main"
        module_name = os.environ.get("MOD_NAME") or os.environ.get("HANDLER_MOD_NAME") or "handler"
        try:
            self._offer.install()
            self._main = getattr(importlib.import_module(module_name), name, None)
            if not callable(self._main):
                arguments = handlers.ARGUMENTS[self._setup["style"]]
                raise NoHandlerError(f"{module_name}.py has no function '{name}({arguments})'")  # noqa: TRY301
        except BaseException as error:  # a handler may even call sys.exit() while it is loaded
            self._report(error)
            self._crew.send(frames.encode(Frame(frames.LOAD_FAILED, 0, _header(self._failure(error)))))
            return False
        self._crew.send(frames.encode(Frame(frames.READY, 0)))
        return True

    def serve(self) -> None:
        """Answer invocations until the hub closes the socket."""
        self._crew.serve()

    def _told(self, frame: Frame) -> None:
        flow = self._flows.get(frame.call)
        if flow is not None:
            flow.take(frame)

    def _told_span(self, call: int, said: bytes) -> None:
        self._crew.send(frames.encode(Frame(frames.SPAN, call, said)))

    def _encoded(self, frame: Frame) -> bytes:
        try:
            return frames.encode(self._invoke(frame))
        except ValueError as error:  # an answer too long for a frame
            return frames.encode(self._raised(frame.call, error))

    def _invoke(self, frame: Frame) -> Frame:
        request = Request(parsed(frame.header), frame.body)
        invocation = self._invocation
        if not self._traced:
            self._traced = tracing.install(invocation)
        headers = request.headers
        invocation.call = frame.call
        invocation.event = headers.plain.get("ce-id", "")
        invocation.traceparent = headers.plain.get("traceparent", "")
        invocation.headers = headers
        try:
            return self._answered(frame.call, self._call(self._main, request, self._offer))
        except event.InvalidEventError as error:
            return _answer(frame.call, 400, _TEXT, f"Bad request: {error}".encode())
        except BaseException as error:  # whatever user code raises fails this invocation and no other
            return self._raised(frame.call, error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            invocation.call = 0

    def _answered(self, call: int, answer: answers.Answer) -> Frame:
        status, headers, body = answer
        return _answer(call, status, headers, body) if isinstance(body, bytes) else self._stream(call, answer)

    def _stream(self, call: int, answer: answers.Answer) -> Frame:
        """Send an answer part by part; an error before the first part fails the invocation like any other."""
        status, headers, parts = answer
        first = answers.bytes_of(next(iter(parts), b""))
        self._flows[call] = flow = Flow(call, self._crew.send)
        head = {"status": status, "headers": headers, "more": True}
        self._crew.send(frames.encode(Frame(frames.ANSWER, call, _header(head), first)))
        try:
            for part in parts:
                flow.send(answers.bytes_of(part))
        except StoppedError:
            return Frame(frames.END, call)
        except BaseException as error:
            self._report(error)
            return Frame(frames.BROKEN, call, _header(self._failure(error)))
        finally:
            del self._flows[call]
        return Frame(frames.END, call)

    def _raised(self, call: int, error: BaseException) -> Frame:
        if answers.is_response(error):  # Bottle's HTTPResponse and HTTPError are raised as well as returned
            return self._answered(call, answers.answer_of(error))
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


def _answer(call: int, status: int, headers: dict[str, str], body: bytes) -> Frame:
    key = (status, *headers.items())
    header = _HEADERS_KNOWN.get(key)
    if header is None:
        header = _header({"status": status, "headers": headers})
        if len(_HEADERS_KNOWN) < _MOST_KNOWN and len(headers) == 1:
            _HEADERS_KNOWN[key] = header
    return Frame(frames.ANSWER, call, header, body)


def end() -> None:
    """End this process and everything it started, at once."""
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Run as `-c` of the process: the argument is the socket's descriptor."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    setup = become(channel)
    if setup is None:
        return
    mounts.redirect(setup["mounts"])
    sys.argv = ["handler.py"]
    sys.path[:0] = [setup["source"], *setup["libraries"]]
    child = Child(channel, setup)
    if child.load():
        child.serve()
    end()
