"""Small HTTP servers in one process: `python fleet.py STATE COUNT` serves until it is ended or ten minutes
have passed.

Each server listens on a loopback port of its own. Most are healthy, some are degraded, some seem so until
they are asked for a fresh answer, some close each connection. The file STATE gets the ports once all of
them listen.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LIFETIME = 600.0


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, number: int, stop: threading.Event) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.number = number
        self.stop = stop


class Answer(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        """Any service ends the fleet when it is told to stop."""
        self._reply(200, {"status": "stopping"})
        self.server.stop.set()

    def do_GET(self) -> None:
        number = self.server.number
        if number % 25 == 24:
            self.close_connection = True
            return
        # Some services keep an old bad answer until somebody asks for a fresh one.
        degraded = number % 10 == 3 or (number % 10 == 7 and self.path != "/health/fresh")
        self._reply(503 if degraded else 200, {"status": "degraded" if degraded else "ok"})

    def _reply(self, status: int, answer: dict[str, str]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: whoever checks knows the answer."""


def main(state: Path, count: int) -> None:
    stop = threading.Event()
    services = [Service(number, stop) for number in range(count)]
    for service in services:
        threading.Thread(target=service.serve_forever, daemon=True).start()
    draft = state.with_suffix(".draft")
    draft.write_text(json.dumps({"ports": [s.server_port for s in services]}))
    draft.replace(state)
    stop.wait(LIFETIME)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
