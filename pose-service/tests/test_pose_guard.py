"""What the download guard lets through, in a process of its own: an audit hook stays for good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SERVE = "import socket; s = socket.create_server((HOST, 0)); socket.getaddrinfo(HOST, 0); print('reached')"
CONNECT = "import socket; socket.create_connection((HOST, 9), timeout=1)"


def run(code: str, host: str) -> subprocess.CompletedProcess[str]:
    program = f"HOST = {host!r}\nfrom pose.hmr2.guard import forbid_downloads\nforbid_downloads()\n{code}"
    folder = Path(__file__).parents[1]
    return subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost"])
def test_a_server_can_listen(host: str) -> None:
    assert run(SERVE, host).stdout == "reached\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_can_be_reached(host: str) -> None:
    assert "DownloadRefused" not in run(CONNECT, host).stderr


@pytest.mark.parametrize("host", ["dl.fbaipublicfiles.com", "192.0.2.1", "2001:db8::1"])
def test_no_other_machine_can(host: str) -> None:
    assert f"DownloadRefused: A library wanted to reach {host}" in run(CONNECT, host).stderr
