"""A loopback proxy that does to a real server's answers what networks and clouds do: cut, throttle, refuse.

It injects faults between our client and an emulator; what it does not touch passes byte for byte.
"""

import contextlib
import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Request:
    """One request as it came from the client."""

    line: str  # "GET /path?query"
    headers: dict[str, str]
    body: bytes


@dataclass
class Fault:
    """What happens to the requests whose line matches `when`: at most `times` of them, after letting `after` pass."""

    when: str
    times: int = 1_000_000
    after: int = 0
    answer: tuple[int, dict[str, str], bytes] | None = None  # instead of the server's
    cut: int | None = None  # bytes of the server's body that pass before the connection breaks
    first: Callable[[], None] | None = None  # runs before the request goes on


@dataclass
class FaultyProxy:
    url: str
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def inject(self, when: str, **what: object) -> None:
        self.faults.append(Fault(when, **what))  # type: ignore[arg-type]

    def heal(self) -> None:
        self.faults.clear()
        self.requests.clear()

    def seen(self, pattern: str) -> list[Request]:
        return [request for request in self.requests if re.search(pattern, request.line)]

    def _fault_for(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if re.search(fault.when, request.line):
                if fault.after:
                    fault.after -= 1
                elif fault.times:
                    fault.times -= 1
                    return fault
        return None


@contextlib.contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """A proxy in front of `upstream` (http://host:port), until the block ends."""
    target = urlsplit(upstream)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(f"{self.command} {self.path}", dict(self.headers), self.rfile.read(length))
            with lock:
                proxy.requests.append(request)
                fault = proxy._fault_for(request) or Fault("")
            if fault.first:
                fault.first()
            if fault.answer:
                self._send(*fault.answer, None)
                return
            onward = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
            onward.request(self.command, self.path, request.body, dict(self.headers))
            answer = onward.getresponse()
            body = answer.read()
            headers = {n: v for n, v in answer.getheaders() if n.lower() not in ("transfer-encoding", "connection")}
            if self.command != "HEAD":
                headers = {n: v for n, v in headers.items() if n.lower() != "content-length"}
                headers["Content-Length"] = str(len(body))
            onward.close()
            self._send(answer.status, headers, body, fault.cut)

        def _send(self, status: int, headers: dict[str, str], body: bytes, cut: int | None) -> None:
            self.send_response_only(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = FaultyProxy(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def cutting_wire(upstream: str, cuts: list[int]) -> Iterator[str]:
    """A TCP door (host:port) before `upstream`: its n-th connection breaks after cuts[n] bytes of answers."""
    host, _, port = upstream.partition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    left = list(cuts)

    def pump(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(4096):
                passed = chunk if limit is None else chunk[:limit]
                sink.sendall(passed)
                if limit is not None:
                    limit -= len(passed)
                    if limit <= 0:
                        break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                limit = left.pop(0) if left else None
                server = socket.create_connection((host, int(port)))
                threading.Thread(target=pump, args=(client, server, None), daemon=True).start()
                threading.Thread(target=pump, args=(server, client, limit), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
