"""
The production server: waitress, with three things made to fit.

- What waitress itself refuses (a body announced too large, a broken request) is answered in the service's JSON shape.
- After such an answer the rest of the upload is read and dropped for a moment. Closing at once would make the kernel
  reset the connection, and the client would lose the answer that explains it.
- SIGTERM ends the process at once when idle, after the running requests otherwise, and in any case after GRACE_S.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

# waitress has no types of its own; types-waitress may or may not be installed.
from waitress import create_server  # type: ignore[import-not-found,import-untyped,unused-ignore]
from waitress.channel import HTTPChannel  # type: ignore[import-not-found,import-untyped,unused-ignore]
from waitress.task import ErrorTask  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.errors import error_body
from pose.logs import log_request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LINGER_S = 2.0
GRACE_S = 1.2
THREADS = 16  # most wait for the engine's lock; there are enough that a health probe need not wait with them

_REFUSALS = {
    400: ("bad_request", "The request is not valid HTTP."),
    413: ("too_large", "The request is larger than 10 MiB."),
    431: ("headers_too_large", "The headers of the request are too large."),
    501: ("not_implemented", "The transfer encoding of the request is not supported."),
}


class _JsonErrorTask(ErrorTask):  # type: ignore[misc,unused-ignore]
    """Waitress's own refusals in the service's shape."""

    def execute(self) -> None:
        refusal = self.request.error
        code, message = _REFUSALS.get(refusal.code, ("internal_error", "The service failed; its log says why."))
        body = json.dumps(error_body(code, message)).encode()
        self.status = f"{refusal.code} {refusal.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
        self.channel.linger_until = time.monotonic() + LINGER_S
        # A request that could not be parsed has neither.
        method, path = getattr(self.request, "command", "-"), getattr(self.request, "path", "-")
        log_request(method=method, path=path, status=refusal.code, code=code)


class _Channel(HTTPChannel):  # type: ignore[misc,unused-ignore]
    """A connection that lingers after a refusal."""

    error_task_class = _JsonErrorTask
    linger_until: float | None = None
    lingering = False

    def readable(self) -> bool:
        return self.lingering or bool(super().readable())

    def writable(self) -> bool:
        if self.lingering:
            return time.monotonic() > (self.linger_until or 0.0)
        return bool(super().writable())

    def handle_write(self) -> None:
        if self.lingering:
            self.handle_close()
        elif self.linger_until and self.close_when_flushed and not self.total_outbufs_len:
            self.lingering = True
            self.socket.shutdown(socket.SHUT_WR)
        else:
            super().handle_write()

    def handle_read(self) -> None:
        if self.lingering:
            self.recv(self.adj.recv_bytes)  # dropped; at the end of the stream recv closes the channel
        else:
            super().handle_read()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    deadline = threading.Timer(GRACE_S, os._exit, args=(0,))
    deadline.daemon = True
    deadline.start()
    raise SystemExit(0)  # the loop of waitress turns it into an orderly end


def stop_on_sigterm() -> None:
    """As process 1 of a container nothing else would end this process."""
    signal.signal(signal.SIGTERM, _stop)


def serve(app: WSGIApplication, *, host: str, port: int, max_body_bytes: int) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    server: Any = create_server(
        app,
        host=host,
        port=port,
        threads=THREADS,
        max_request_body_size=max_body_bytes + 1,  # waitress refuses from this size on, we from the next byte
        ident=None,
        asyncore_loop_timeout=1,
        asyncore_use_poll=True,
    )
    server.channel_class = _Channel
    server.run()
