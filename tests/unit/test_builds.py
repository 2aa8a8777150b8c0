"""The builds on record: what is written is read again, damage is passed over, old ones make room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from layerproof import builds
from layerproof.builds import Build, BuiltImage, load_builds, load_evidence, save_build
from layerproof.context import ContextFile
from layerproof.dockerfile import parse_dockerfile
from layerproof.evidence import Evidence, Upstream, masked, secret_values
from layerproof.model import Image, Phase, Step, StepState
from layerproof.secret_names import without_secrets

TEXT = "FROM node:18 AS deps\nARG NPM_TOKEN\nCOPY . .\nRUN npm ci\n"
ENV = {"B": "1", "A": "2"}
STEP = Step("", "api", "deps", 2, 3, "COPY . .", StepState.RAN, 0.25, 3, ("the last words",), 1.75)


def evidence(content: str = "1") -> Evidence:
    args = masked({"NPM_TOKEN": "very secret", "A": "b"})
    image = Image(
        "api", "api:1", "service", Path("/p"), parse_dockerfile(TEXT, path=Path("/p/Dockerfile")), "deps", args
    )
    files = (ContextFile("a\udcff", 0o644, content, 3),)
    return Evidence(image, files, {"named": files}, {"node:18": Upstream("sha256:1", "2", {"Env": ENV})})


def build(started: float) -> Build:
    image = BuiltImage("built", wall_s=1.5, size_bytes=10, id="sha256:9", steps=(STEP,), keys={"k": "w"})
    return Build(started, "default", "build", 2.0, {"api": image}, (Phase("api", "export", started + 1.5, 0.25),))


def test_a_build_and_what_went_into_it_are_read_as_they_were_written(tmp_path: Path) -> None:
    save_build(tmp_path, build(1.5), {"api": evidence()})
    save_build(tmp_path, build(2.5), {"api": evidence("2")})
    newest, oldest = load_builds(tmp_path)
    assert (newest.started, oldest.started) == (2.5, 1.5)
    image = newest.images["api"]
    assert (image.steps, image.keys, image.id) == ((replace(STEP, instruction=""),), {"k": "w"}, "sha256:9")
    loaded = load_evidence(tmp_path, image.evidence)
    assert loaded == evidence("2")
    assert loaded is not None
    assert list(loaded.upstreams["node:18"].config["Env"]) == ["B", "A"]


def test_times_within_a_build_and_the_ends_of_logs_are_kept(tmp_path: Path) -> None:
    save_build(tmp_path, build(1.5), {"api": evidence()})
    (read,) = load_builds(tmp_path)
    assert read.phases == (Phase("api", "export", 3.0, 0.25),)
    assert (read.images["api"].steps[0].started, read.images["api"].steps[0].log) == (1.75, ("the last words",))


def test_a_record_of_the_version_before_is_read(tmp_path: Path) -> None:
    save_build(tmp_path, build(1.5), {"api": evidence()})
    (path,) = (tmp_path / "builds").iterdir()
    document = json.loads(path.read_bytes())
    del document["phases"]
    document["images"]["api"]["steps"] = [row[:7] for row in document["images"]["api"]["steps"]]
    path.write_text(json.dumps(document))
    (read,) = load_builds(tmp_path)
    assert read.images["api"].steps == (replace(STEP, instruction="", started=None, log=()),)


def test_secrets_are_known_by_their_names_and_by_themselves() -> None:
    text = 'FROM node:18\nARG NPM_TOKEN=from-the-arg\nENV DB_PASSWORD="from-env" PORT=1\nARG API_KEY=$OTHER\n'
    file = parse_dockerfile(text, path=Path("Dockerfile"))
    image = Image("api", "api:1", "service", Path("/p"), file, None, {"JWT_SECRET": "given", "MODE": "fast"})
    assert secret_values(image) == {"from-the-arg", "from-env", "given"}
    line = "login given at https://me:pw@example.com with AKIA0123456789ABCDEF, fast"
    expected = "login (masked) at https://(masked)@example.com with (masked), fast"
    assert without_secrets(line, secret_values(image)) == expected


def test_what_stays_the_same_is_kept_once(tmp_path: Path) -> None:
    for started in (1.0, 2.0, 3.0):
        save_build(tmp_path, build(started), {"api": evidence()})
    assert len(list((tmp_path / "objects").iterdir())) == 2  # what went in, and the files


def test_a_secret_is_not_kept(tmp_path: Path) -> None:
    save_build(tmp_path, build(1.0), {"api": evidence()})
    assert not any("very secret" in path.read_text() for path in tmp_path.rglob("*.json"))
    assert masked({"NPM_TOKEN": "a"}) != masked({"NPM_TOKEN": "b"})


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": 99}', '{"schema": 1}', '{"schema": 1, "images": {"a": 1}}']
)
def test_a_damaged_build_is_told_and_passed_over(tmp_path: Path, content: str) -> None:
    save_build(tmp_path, build(1.0), {})
    (tmp_path / "builds" / "2.json").write_text(content)
    told: list[str] = []
    assert [found.started for found in load_builds(tmp_path, damaged=told.append)] == [1.0]
    assert "2.json: the record of a build is damaged" in told[0]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"dockerfile": "FROM"}'])
def test_damaged_evidence_is_as_none(tmp_path: Path, content: str) -> None:
    save_build(tmp_path, build(1.0), {"api": evidence()})
    name = next(load_builds(tmp_path)).images["api"].evidence
    (tmp_path / "objects" / f"{name}.json").write_text(content)
    assert load_evidence(tmp_path, name) is None
    assert load_evidence(tmp_path, "gone") is None


def test_old_builds_make_room_with_what_only_they_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "MAX_BUILDS", 2)
    monkeypatch.setattr(builds, "_SLACK", 0)
    for number in range(1, 5):
        save_build(tmp_path, build(float(number)), {"api": evidence(str(number))})
    kept = list(load_builds(tmp_path))
    assert [item.started for item in kept] == [4.0, 3.0]
    assert all(load_evidence(tmp_path, item.images["api"].evidence) for item in kept)
    assert len(list((tmp_path / "objects").iterdir())) == 4


def test_no_builds_are_no_damage(tmp_path: Path) -> None:
    assert list(load_builds(tmp_path)) == []


def test_a_build_is_one_file_that_machines_can_read(tmp_path: Path) -> None:
    save_build(tmp_path, build(1.0), {})
    document = json.loads(next((tmp_path / "builds").iterdir()).read_text())
    assert (document["schema"], document["builder"], list(document["images"])) == (1, "default", ["api"])
