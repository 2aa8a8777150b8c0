"""`inv weights` as it is called: exit codes, what goes to which stream, and what a person sees while files are read."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit
from rich.console import Console

from layerproof.report.weights import LineHashWatcher, LiveHashWatcher
from layerproof.tasks import setup as tasks
from layerproof.testing import FakeEngine
from layerproof.weights import LOCK_NAME, HashWatcher
from layerproof.workflow import weight_files

SHIPPED = "shipped"
LONG_ADDRESS = f"https://example.com/{'x' * 300}"
FILES = (
    {"path": "data/body model.pkl", "size_bytes": None, "sha256": None},
    {"path": "net.ckpt", "size_bytes": 7, "sha256": hashlib.sha256(SHIPPED.encode()).hexdigest()},
)


@pytest.fixture
def folder(repo: Path, engine: FakeEngine) -> Path:
    """A folder that the service api mounts and needs for ENGINE=big, which is set; nothing lies in it yet."""
    made = repo / "we ights"
    made.mkdir()
    words = {"what": "a network", "from": LONG_ADDRESS, "licence": "research only"}
    manifest = {"schema": 1, "when": {"ENGINE": "big"}, "files": [{**file, **words} for file in FILES]}
    (repo / "api" / "weights.json").write_text(json.dumps(manifest))
    (repo / "pyproject.toml").write_text(
        "[tool.layerproof.services.api.weights]\nmanifest = 'api/weights.json'\nmount = '/weights'\n"
    )
    mount = {"type": "bind", "source": str(made), "target": "/weights", "read_only": True}
    engine.document["services"]["api"].update(environment={"ENGINE": "big"}, volumes=[mount])
    return made


@pytest.fixture
def context(folder: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(tasks, "connect", lambda: engine)
    made = Context()
    made.config["layerproof"] = {"root": str(folder.parent)}
    return made


def fill(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "body model.pkl").write_text("body")
    (folder / "net.ckpt").write_text(SHIPPED)


def ended(context: Context, **options: Any) -> int:
    try:
        tasks.weights.body(context, **{"service": [], **options})
    except Exit as error:
        return error.code
    return 0


def test_it_ends_with_1_for_what_is_wrong_and_needed_and_with_0_for_what_is_not_needed(
    context: Context, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(context) == 1
    assert "api  needed: ENGINE=big" in capsys.readouterr().out
    engine.document["services"]["api"]["environment"] = {"ENGINE": "small"}
    assert ended(context) == 0
    assert "api  needed for ENGINE=big; now ENGINE=small: not needed" in capsys.readouterr().out


def test_recording_says_what_it_trusts_and_shows_what_it_recorded(
    context: Context, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(folder)
    assert ended(context, record=True) == 0
    said = capsys.readouterr()
    assert said.err.startswith("api: trusting 1 of the files in ./we ights as they are now")
    assert "ok, recorded now" in said.out
    assert ended(context) == 0
    assert "recorded" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "manifest", "words"),
    [
        pytest.param({"format": "yaml"}, None, "there is no format 'yaml'", id="an unknown format"),
        pytest.param({"service": ["apj"]}, None, "there is no service named 'apj'", id="an unknown service"),
        pytest.param({}, "{}", "weights.json:1: schema: it is missing", id="a broken manifest"),
    ],
)
def test_it_ends_with_2_and_the_next_step_for(
    context: Context,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    manifest: str | None,
    words: str,
) -> None:
    if manifest is not None:
        (folder.parent / "api" / "weights.json").write_text(manifest)
    assert ended(context, **options) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert "next: " in said.err
    assert said.out == ""


def test_only_the_document_goes_to_stdout(context: Context, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    assert ended(context, record=True, format="json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["passed"] is True
    assert "reading 2 files" in said.err


def test_an_address_stays_whole_in_a_pipe(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    ended(context)
    assert f"    from: {LONG_ADDRESS}\n" in capsys.readouterr().out


def test_it_says_so_where_no_service_names_weights(
    context: Context, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / "pyproject.toml").unlink()
    assert ended(context) == 0
    assert capsys.readouterr().out.startswith("no service names weights")


def test_an_interrupt_ends_the_reading_and_records_nothing(
    context: Context, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(folder)

    class Interrupted(HashWatcher):
        def read(self, size_bytes: int) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(weight_files, "CHUNK_BYTES", 1)
    monkeypatch.setattr(tasks, "_hash_watcher", Interrupted)
    assert ended(context, record=True) == 130
    assert threading.active_count() == 1
    assert not (folder / LOCK_NAME).exists()
    assert capsys.readouterr().err.endswith("stopped\n")


@pytest.mark.parametrize("make", [LiveHashWatcher, LineHashWatcher])
def test_what_is_read_is_told_to_a_person(tmp_path: Path, make: Any) -> None:
    (tmp_path / "a").write_text("12345")
    console = Console(width=100, force_terminal=make is LiveHashWatcher)
    with console.capture() as capture:
        weight_files.read_digests({tmp_path / "a": 5}, watcher=make(console))
    assert "reading 1 file" in capture.get()
