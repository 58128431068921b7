"""HTTP servers in the place of replicas: they tell what they were asked.

What a test wants of a request it says in headers:
    sleep-s     seconds before the answer
    events      answer with that many server-sent events, one each 50 ms
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from serving.edge import Address


class Website:
    """One server on a thread of its own; `seen` counts the requests but not the checks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = 0
        self.healthy = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = Address("127.0.0.1", self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        website = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/-/healthz":
                    self._answer(b"", 200 if website.healthy else 503)
                else:
                    self._tell()

            def do_POST(self) -> None:
                self._tell()

            def _tell(self) -> None:
                website.seen += 1
                size = len(self.rfile.read(int(self.headers.get("content-length", 0))))
                time.sleep(float(self.headers.get("sleep-s", 0)))
                if count := int(self.headers.get("events", 0)):
                    self._stream(count)
                    return
                found = {
                    "replica": website.name,
                    "path": self.path,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "size": size,
                }
                self._answer(json.dumps(found).encode())

            def _stream(self, count: int) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for number in range(count):
                    event = f"data: {number}\n\n".encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                    time.sleep(0.05)
                self.wfile.write(b"0\r\n\r\n")

            def _answer(self, body: bytes, status: int = 200) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
