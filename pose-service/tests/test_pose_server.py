"""The real server in a process of its own, around an engine that needs no model."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakes import photo

TESTS = Path(__file__).parent
SCRIPT = """
import socket, sys
from app import MAX_BODY_BYTES, create_app
from pose.logs import configure_logs
from pose.server import serve, stop_on_sigterm
from fakes import FakeEngine

stop_on_sigterm()
configure_logs()
app = create_app(FakeEngine())
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
print(f"port {port}", flush=True)
serve(app, host="127.0.0.1", port=port, max_body_bytes=MAX_BODY_BYTES)
"""
DEADLINE_S = 20


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int

    def post(self, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)) as connection:
            connection.request("POST", "/pose", body, headers, encode_chunked="Transfer-Encoding" in headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())


@pytest.fixture
def server() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    match = re.match(r"port (\d+)", process.stdout.readline())  # port 41234
    assert match, process.stdout.read()
    port = int(match[1])
    _wait_until_listening(port, process)
    yield Server(process, port)
    process.kill()
    process.communicate()


def _wait_until_listening(port: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S).close()
        except ConnectionRefusedError:
            continue
        return
    pytest.fail("the server ended before it listened")


def test_twenty_requests_at_once_are_all_answered(server: Server) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: server.post(photo())[0], range(20)))
    assert answers == [200] * 20


def test_a_body_announced_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"POST /pose HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"too_large"' in answer


def test_a_client_that_sends_a_large_body_anyway_still_gets_the_answer(server: Server) -> None:
    status, answer = server.post(bytes(60_000_000))
    assert (status, answer["error"]["code"]) == (413, "too_large")


def test_a_large_body_of_unannounced_length_is_refused(server: Server) -> None:
    chunks = (bytes(1_000_000) for _ in range(30))
    status, answer = server.post(chunks, **{"Transfer-Encoding": "chunked"})
    assert (status, answer["error"]["code"]) == (413, "too_large")


def test_what_is_not_http_is_answered_in_the_same_shape(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400")
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_slow_clients_do_not_keep_others_from_being_served(server: Server) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    for connection in idle:
        connection.sendall(b"POST /pose HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    assert server.post(photo())[0] == 200
    for connection in idle:
        connection.close()


def test_sigterm_ends_it_with_code_zero(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    output, _ = server.process.communicate(timeout=2)
    assert server.process.returncode == 0
    assert "rror" not in output
