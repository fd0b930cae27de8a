"""The sink of the demo: an HTTP server that remembers which events reached it, and fails where it is told to."""

import os
import signal
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hub.demo.events import POISONED, RAISES_TWICE

RAISES = 2


class Sink:
    """Receives events at `/events`, and the reports of the Function at `/function`."""

    def __init__(self) -> None:
        """Bind a free port; `start` serves it."""
        self.received: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.killed = 0
        self._healed = False
        self._kill_next_caller = False
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def heal(self) -> None:
        """Answer 204 from now on, to the poisoned event too."""
        with self._lock:
            self._healed = True

    def kill_next_caller(self) -> None:
        """Kill the Function's process when it reports its next event, before that is answered."""
        with self._lock:
            self._kill_next_caller = True

    def killed_caller(self, pid: str) -> bool:
        """Kill a Function's process if that is due; it waits for an answer, so the pid is its own."""
        with self._lock:
            if not self._kill_next_caller:
                return False
            self._kill_next_caller = False
            self.killed += 1
        os.kill(int(pid), signal.SIGKILL)
        return True

    def take(self, path: str, identifier: str) -> tuple[int, bytes]:
        """Note an arrival; return status and body of the answer."""
        with self._lock:
            if identifier == POISONED and not self._healed:
                self.refused[identifier] += 1
                return 500, b"poisoned"
            if path == "/function" and identifier == RAISES_TWICE and self.refused[identifier] < RAISES:
                self.refused[identifier] += 1
                return 200, b"raise"
            self.received[identifier] += 1
            return 200, b""


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            """Take one event."""
            self.rfile.read(int(self.headers.get("content-length") or 0))
            pid = self.headers.get("pid", "")
            if pid.isdigit() and sink.killed_caller(pid):
                self.close_connection = True
                return
            status, body = sink.take(self.path, self.headers.get("ce-id", ""))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Keep quiet: the demo counts itself."""

    return Handler
