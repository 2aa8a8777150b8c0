"""How a daemon is kept running where no service manager does it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from layerproof.engine.install import RESTARTING


@pytest.mark.parametrize(
    ("crashes", "starts", "code"),
    [
        pytest.param(0, 1, 0, id="one that is stopped stays stopped"),
        pytest.param(2, 3, 0, id="one that crashes is started again"),
        pytest.param(9, 4, 2, id="one that cannot start is given up"),
    ],
)
def test_a_daemon_that_crashes_is_started_again_a_few_times(
    tmp_path: Path, crashes: int, starts: int, code: int
) -> None:
    daemon = tmp_path / "a daemon"
    daemon.write_text(f'#!/bin/sh\necho x >> "$1"\n[ "$(wc -l < "$1")" -gt {crashes} ] || exit 2\n')
    daemon.chmod(0o755)
    log = tmp_path / "starts"
    words = ["sh", "-c", RESTARTING.replace("sleep 2", "sleep 0"), "sh", str(daemon), str(log)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, len(log.read_text().splitlines())) == (code, starts), done.stderr
