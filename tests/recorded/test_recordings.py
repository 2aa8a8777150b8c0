"""What a real engine reported, read again. `record.py` records it; expected.json is mended by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from layerproof.model import StepState
from layerproof.progress import BuildLog, failed_vertices, parse_log, span_s, step_of, steps_by_image

HERE = Path(__file__).parent
RECORDINGS = sorted(path.parent.name for path in HERE.glob("*/events.jsonl"))


def load(name: str) -> tuple[BuildLog, dict[str, Any], dict[str, str]]:
    folder = HERE / name
    log = parse_log((folder / "events.jsonl").read_text(encoding="utf-8").splitlines(keepends=True))
    dockerfiles = {path.stem: path.read_bytes().decode() for path in sorted(folder.glob("*.Dockerfile"))}
    return log, json.loads((folder / "metadata.json").read_text(encoding="utf-8")), dockerfiles


def versions(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((HERE / name / "versions.json").read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_gives_its_golden_result(name: str) -> None:
    log, metadata, dockerfiles = load(name)
    images = steps_by_image(log, metadata=metadata, dockerfiles=dockerfiles)
    seen = {
        "steps": {
            image: [
                f"{step.stage} {step.number}/{step.total} line {step.line} {step.state.value}: {step.instruction}"
                for step in steps
            ]
            for image, steps in images.items()
        },
        "failed": [f"{vertex.name}: {vertex.error}" for vertex in failed_vertices(log)],
        "noise": log.noise,
    }
    assert seen == json.loads((HERE / name / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in RECORDINGS if versions(name)["returncode"] == 0])
def test_every_layer_of_a_good_build_is_a_step_with_its_line(name: str) -> None:
    log, metadata, dockerfiles = load(name)
    images = steps_by_image(log, metadata=metadata, dockerfiles=dockerfiles)
    for image, text in dockerfiles.items():
        lines = text.splitlines()
        layers = [n for n, line in enumerate(lines, start=1) if line.startswith(("RUN", "COPY", "ADD", "WORKDIR"))]
        assert [step.line for step in images[image]] == layers
        assert all(lines[step.line - 1].rstrip() == step.instruction for step in images[image] if step.line)
        assert {step.target for step in images[image]} == {image}


@pytest.mark.parametrize("name", [name for name in RECORDINGS if versions(name)["returncode"] == 0])
def test_a_good_build_has_no_error_and_a_time_for_every_image(name: str) -> None:
    log, metadata, dockerfiles = load(name)
    images = steps_by_image(log, metadata=metadata, dockerfiles=dockerfiles)
    assert failed_vertices(log) == ()
    assert log.noise == []
    for image, steps in images.items():
        assert 0 < span_s(log, image, steps) < 60
        assert {step.state for step in steps} <= {StepState.RAN, StepState.CACHED}


def test_a_cold_build_runs_every_step_and_keeps_what_they_printed() -> None:
    log, metadata, dockerfiles = load("cold")
    steps = steps_by_image(log, metadata=metadata, dockerfiles=dockerfiles)["web"]
    assert {step.state for step in steps} == {StepState.RAN}
    assert [step.log for step in steps if step.log] == [("{}",), ("built",)]
    assert all(step.duration_s > 0 for step in steps if step.instruction.startswith("RUN"))


def test_a_cached_build_runs_no_step() -> None:
    log, metadata, dockerfiles = load("cached")
    steps = steps_by_image(log, metadata=metadata, dockerfiles=dockerfiles)["web"]
    assert {step.state for step in steps} == {StepState.CACHED}


def test_an_edit_of_the_source_runs_no_step_of_the_dependencies() -> None:
    log, metadata, dockerfiles = load("edited")
    steps = steps_by_image(log, metadata=metadata, dockerfiles=dockerfiles)["web"]
    ran = {step.stage for step in steps if step.state is StepState.RAN}
    assert ran == {"build", "runtime"}


def test_a_failed_build_names_the_step_that_failed_and_what_it_printed() -> None:
    log, _, _ = load("failed")
    (vertex,) = failed_vertices(log)
    step = step_of(vertex, only_target="web")
    assert step is not None
    assert (step.target, step.stage, step.number, step.state) == ("web", "build", 2, StepState.FAILED)
    assert step.log == ("no main",)


def test_a_cancelled_build_has_only_cancelled_vertices() -> None:
    log, _, _ = load("cancelled")
    assert versions("cancelled")["returncode"] != 0
    assert [vertex for vertex in failed_vertices(log) if "context canceled" not in vertex.error] == []
    assert "context canceled" in log.noise[-1]


def test_steps_of_a_base_count_for_the_base_alone() -> None:
    log, metadata, dockerfiles = load("shared-base")
    images = steps_by_image(log, metadata=metadata, dockerfiles=dockerfiles)
    assert [step.instruction for step in images["base-tiny"]] == ["WORKDIR /app", "RUN echo base > base.txt"]
    assert not any("base.txt" in step.instruction for name in ("api", "web") for step in images[name])


def test_folding_line_by_line_gives_what_folding_at_once_gives() -> None:
    for name in RECORDINGS:
        text = (HERE / name / "events.jsonl").read_text(encoding="utf-8")
        at_once, piecewise = parse_log(text.splitlines()), BuildLog()
        events = sum(piecewise.feed(line + "\r\n") for line in text.splitlines())
        assert piecewise == at_once
        assert events > 10


def test_a_recording_is_small_and_names_no_path_of_a_machine() -> None:
    for path in HERE.glob("*/*"):
        if path.is_file() and path.suffix in (".jsonl", ".json", ".Dockerfile"):
            text = path.read_text(encoding="utf-8")
            assert len(text) < 100_000
            assert not re.search(r'"/(?:tmp|home|root|work|opt|Users)/', text), path
