"""The watcher that tasks hand to a build."""

from __future__ import annotations

import json

import pytest

from layerproof.progress import BuildLog
from layerproof.tasks.watching import DrawingWatcher

STEP = {"digest": "sha256:1", "name": "[api deps 2/2] RUN npm ci", "started": "2026-01-01T00:00:00Z"}


def test_in_a_pipe_the_note_comes_first_then_what_is_built_then_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    watcher, log = DrawingWatcher("profile: lab", needed_later=["json"]), BuildLog()
    watcher.started(["base", "api"], stale=["api"])
    log.feed(json.dumps({"vertexes": [{**STEP, "completed": "2026-01-01T00:00:02Z", "cached": True}]}))
    watcher.line(log)
    watcher.finished()
    watcher.say_note()
    said = capsys.readouterr().err.splitlines()
    assert said == ["profile: lab", "building api", "api deps 2/2 RUN npm ci: CACHED"]


def test_of_a_build_that_never_starts_the_note_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = DrawingWatcher("profile: lab")
    watcher.finished()
    watcher.say_note()
    watcher.say_note()
    assert capsys.readouterr().err == "profile: lab\n"


def test_an_error_of_what_draws_reaches_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("layerproof.tasks.watching.say", fails)
    watcher = DrawingWatcher("profile: lab")
    watcher.started(["api"], stale=["api"])
    with pytest.raises(OSError, match="no space left"):
        watcher.line(BuildLog())
