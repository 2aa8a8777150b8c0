"""Manifest and lock of a weights folder, and what is said of a file by its size and its bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from layerproof.errors import ConfigError
from layerproof.model import WeightCheck, WeightFile, WeightsReport
from layerproof.weights import (
    Digest,
    Found,
    Manifest,
    check_digest,
    check_size,
    parse_lock,
    parse_manifest,
    render_lock,
    render_variables,
    shown_folder,
)

PATH = Path("weights.json")
LOCK = Path("weights.lock.json")
A, B = "a" * 64, "b" * 64
ENTRY: Mapping[str, Any] = {
    "path": "data/model.ckpt",
    "what": "the network",
    "size_bytes": None,
    "sha256": None,
    "from": "https://example.com/model.ckpt",
    "licence": "MIT",
}
FILE = WeightFile("data/model.ckpt", "the network", None, None, "https://example.com/model.ckpt", "MIT")


def manifest_text(*changes: Mapping[str, Any], **more: Any) -> str:
    """A manifest with one entry for each of these changes of ENTRY, a key to a line."""
    return json.dumps({"schema": 1, "files": [{**ENTRY, **change} for change in changes], **more}, indent=1)


def lock_text(entry: Any, **more: Any) -> str:
    return json.dumps({"schema": 1, "files": {"data/model.ckpt": entry}, **more}, indent=1)


def without(name: str) -> str:
    return json.dumps({"schema": 1, "files": [{key: value for key, value in ENTRY.items() if key != name}]})


def test_a_manifest_is_read_with_its_files_in_order_and_when_they_are_needed() -> None:
    text = manifest_text({}, {"path": "b c/é.pkl", "size_bytes": 0, "sha256": A}, when={"ENGINE": "big"})
    files = (FILE, replace(FILE, path="b c/é.pkl", size_bytes=0, sha256=A))
    assert parse_manifest(text, path=PATH) == Manifest(files, {"ENGINE": "big"})
    assert parse_manifest(manifest_text({}), path=PATH).when == {}


def test_the_manifest_of_the_pose_service_is_one() -> None:
    path = Path(__file__).parents[2] / "pose-service" / "pose" / "weights.json"
    manifest = parse_manifest(path.read_text(encoding="utf-8"), path=path)
    assert manifest.when == {"POSE_ENGINE": "hmr2"}
    assert manifest.files


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        pytest.param("", "weights.json:1: ", "not valid JSON", id="an empty file"),
        pytest.param('{\n"schema": 1,\n}', "weights.json:3: ", "not valid JSON", id="a comma too many"),
        pytest.param("[" * 100_000, "weights.json:1: ", "too deep", id="brackets without end"),
        pytest.param(
            '{"schema": ' + "1" * 5000 + "}", "weights.json:1: ", "schema|too long", id="a number of 5,000 digits"
        ),
        pytest.param("[]", "weights.json:1: the document: ", "Expected `object`, got `array`", id="a list"),
        pytest.param('{"files": [{}]}', "weights.json:1: files.0.path: ", "it is missing", id="a file of nothing"),
        pytest.param(
            manifest_text({}).replace('"schema": 1,', ""), "weights.json:1: schema: ", "it is missing", id="no schema"
        ),
        pytest.param(
            manifest_text({}, schema=2),
            "weights.json:2: schema: ",
            "it is 2, and can be 1",
            id="another schema",
        ),
        pytest.param(manifest_text(), "weights.json:3: files: ", "length >= 1", id="no file"),
        pytest.param(manifest_text({}, file=[]), "weights.json:13: file: ", "unknown key", id="an unknown key"),
        pytest.param(
            manifest_text({}, when={"A": 1}),
            "weights.json:14: when.A: ",
            "Expected `str`, got `int`",
            id="a variable that is a number",
        ),
        pytest.param(
            manifest_text({}, {"sha265": A}), "weights.json:19: files.1.sha265: ", "unknown key", id="a misspelt key"
        ),
        pytest.param(without("licence"), "weights.json:1: files.0.licence: ", "it is missing", id="no licence"),
        pytest.param(
            without("sha256"), "weights.json:1: files.0.sha256: ", "it is missing", id="no hash, not even null"
        ),
        pytest.param(
            manifest_text({"from": ""}), "weights.json:9: files.0.from: ", "length >= 1", id="an empty source"
        ),
        pytest.param(
            manifest_text({"size_bytes": -1}),
            "weights.json:7: files.0.size_bytes: ",
            "Expected `int` >= 0",
            id="a size below 0",
        ),
        pytest.param(
            manifest_text({"size_bytes": "7"}),
            "weights.json:7: files.0.size_bytes: ",
            "got `str`",
            id="a size as a text",
        ),
        pytest.param(
            manifest_text({"sha256": A.upper()}),
            "weights.json:8: files.0.sha256: ",
            "lower case",
            id="a hash in capitals",
        ),
        pytest.param(
            manifest_text({"sha256": A[:-1]}), "weights.json:8: files.0.sha256: ", "64", id="a hash cut short"
        ),
        pytest.param(
            manifest_text({"path": "b"}, {}, {}),
            "weights.json:21: files.2.path: ",
            "twice, first in line 13",
            id="a path that stands there twice",
        ),
    ],
)
def test_a_mistake_in_a_manifest_is_an_error_with_its_line(text: str, start: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_manifest(text, path=PATH)
    assert caught.value.message.startswith(start)
    assert caught.value.hint


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="the folder itself"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("../a", id="above the folder"),
        pytest.param("a/../../b", id="above the folder by a detour"),
        pytest.param("a//b", id="two slashes"),
        pytest.param("./a", id="a dot before it"),
        pytest.param("a/", id="a slash after it"),
        pytest.param("a\nb", id="a line break"),
        pytest.param("a\0b", id="a zero byte"),
        pytest.param("\x1b[31ma", id="an escape code"),
        pytest.param("\ud800", id="half a character"),
        pytest.param("weights.lock.json", id="the lock"),
    ],
)
def test_a_path_that_is_no_plain_one_below_the_folder_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"weights\.json:5: files\.0\.path: "):
        parse_manifest(manifest_text({"path": path}), path=PATH)


@pytest.mark.parametrize(
    "path", ["a", "a b/c d.pkl", "epoch=35-step=1.ckpt", "a..b", "[bold]", "data/weights.lock.json"]
)
def test_any_other_path_is_taken_as_it_is(path: str) -> None:
    assert parse_manifest(manifest_text({"path": path}), path=PATH).files[0].path == path


def test_a_lock_is_written_in_the_order_of_its_paths_and_read_back() -> None:
    lock = {"b c/é.pkl": Digest(0, B), "a": Digest(5, A)}
    text = render_lock(lock)
    assert text.endswith("}\n")
    assert '"b c/é.pkl"' in text
    assert list(parse_lock(text, path=LOCK)) == ["a", "b c/é.pkl"]
    assert parse_lock(text, path=LOCK) == lock
    assert render_lock(parse_lock(text, path=LOCK)) == text


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        pytest.param("<<<<<<< HEAD\n", "weights.lock.json:1: ", "not valid JSON", id="a merge that was not finished"),
        pytest.param('{"schema": 1}', "weights.lock.json:1: files: ", "it is missing", id="no files"),
        pytest.param(
            '{"schema": 1, "files": []}',
            "weights.lock.json:1: files: ",
            "Expected `object`, got `array`",
            id="files as a list",
        ),
        pytest.param(
            lock_text(A),
            "weights.lock.json:4: files.data/model.ckpt: ",
            "Expected `object`, got `str`",
            id="a hash in an entry's place",
        ),
        pytest.param(
            lock_text({"size_bytes": 1, "sha256": None}),
            "weights.lock.json:6: files.data/model.ckpt.sha256: ",
            "Expected `str`, got `null`",
            id="an entry without a hash",
        ),
        pytest.param(
            lock_text({"sha256": A}),
            "weights.lock.json:4: files.data/model.ckpt.size_bytes: ",
            "it is missing",
            id="an entry without a size",
        ),
        pytest.param(
            lock_text({"size_bytes": 1, "sha256": "x" * 64}),
            "weights.lock.json:6: files.data/model.ckpt.sha256: ",
            "hexadecimal",
            id="a hash with other letters",
        ),
        pytest.param(
            lock_text({"size_bytes": 1, "sha256": A, "when": 0}),
            "weights.lock.json:7: files.data/model.ckpt.when: ",
            "unknown key",
            id="an unknown key",
        ),
        pytest.param(
            lock_text({"size_bytes": 1, "sha256": A}, schema=0), "weights.lock.json:2: schema: ", "1", id="schema 0"
        ),
    ],
)
def test_a_mistake_in_a_lock_is_an_error_with_its_line(text: str, start: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_lock(text, path=LOCK)
    assert caught.value.message.startswith(start)
    assert "inv weights --record" in caught.value.hint


@pytest.mark.parametrize(
    ("file", "found", "lock", "state", "detail"),
    [
        pytest.param(FILE, Found(), {}, "missing", "", id="nothing is there"),
        pytest.param(
            FILE, Found(), {FILE.path: Digest(5, A)}, "missing", "", id="nothing is there, though it once was"
        ),
        pytest.param(FILE, Found(obstacle="a folder is there"), {}, "not a file", "a folder", id="a folder is there"),
        pytest.param(FILE, Found(5), {}, "not recorded", "nothing says", id="a file that nothing is known of"),
        pytest.param(
            replace(FILE, size_bytes=5), Found(5), {}, "not recorded", "nothing says", id="a size alone proves nothing"
        ),
        pytest.param(replace(FILE, size_bytes=5), Found(4), {}, "wrong size", "4 bytes, not 5", id="a published size"),
        pytest.param(
            replace(FILE, size_bytes=0), Found(4), {}, "wrong size", "not 0", id="a published size of nothing"
        ),
        pytest.param(
            FILE,
            Found(4_000),
            {FILE.path: Digest(5, A)},
            "wrong size",
            "4,000 bytes, not 5 as recorded",
            id="a recorded size",
        ),
        pytest.param(FILE, Found(5), {FILE.path: Digest(5, A)}, "ok", "", id="the recorded size"),
        pytest.param(
            FILE, Found(5), {"other": Digest(5, A)}, "not recorded", "nothing says", id="another file's entry"
        ),
        pytest.param(replace(FILE, sha256=A), Found(5), {}, "ok", "", id="a published hash, to be compared later"),
        pytest.param(
            replace(FILE, sha256=A),
            Found(5),
            {FILE.path: Digest(4, B)},
            "ok",
            "",
            id="a published hash wins over the lock",
        ),
    ],
)
def test_a_file_is_judged_by_its_name_and_size(
    file: WeightFile, found: Found, lock: dict[str, Digest], state: str, detail: str
) -> None:
    check = check_size(file, found, lock)
    assert (check.file, check.state, check.size_bytes, check.sha256) == (file, state, found.size_bytes, None)
    assert detail in check.detail
    assert state != "ok" or (check.detail, check.hint) == ("", "")


@pytest.mark.parametrize(
    ("file", "lock", "found", "state", "words"),
    [
        pytest.param(replace(FILE, sha256=A), {}, A, "ok", "", id="the published hash"),
        pytest.param(replace(FILE, sha256=A), {}, B, "wrong hash", "manifest", id="not the published hash"),
        pytest.param(
            replace(FILE, sha256=A), {FILE.path: Digest(5, B)}, B, "wrong hash", "manifest", id="only the recorded hash"
        ),
        pytest.param(FILE, {FILE.path: Digest(5, A)}, A, "ok", "", id="the recorded hash"),
        pytest.param(FILE, {FILE.path: Digest(5, A)}, B, "wrong hash", "delete its entry", id="not the recorded hash"),
    ],
)
def test_a_file_is_judged_by_its_bytes(
    file: WeightFile, lock: dict[str, Digest], found: str, state: str, words: str
) -> None:
    check = check_digest(WeightCheck(file, "ok", 5), Digest(5, found), lock)
    assert (check.state, check.size_bytes, check.sha256) == (state, 5, found)
    assert words in check.hint
    assert state == "ok" or f"{found[:12]}…" in check.detail


@pytest.mark.parametrize("state", ["wrong size", "not recorded"])
def test_what_was_wrong_before_it_was_read_stays_wrong(state: Any) -> None:
    before = WeightCheck(FILE, state, 4, detail="so", hint="do")
    assert check_digest(before, Digest(5, A), {}) == replace(before, size_bytes=5, sha256=A)


@pytest.mark.parametrize(
    ("when", "environment", "state", "needed", "passed"),
    [
        pytest.param({}, {}, "missing", True, False, id="always needed and missing"),
        pytest.param({}, {}, "ok", True, True, id="always needed and there"),
        pytest.param({"E": "big"}, {"E": "big"}, "missing", True, False, id="needed now and missing"),
        pytest.param({"E": "big"}, {"E": "small"}, "wrong hash", False, True, id="wrong, which does not matter now"),
        pytest.param({"E": "big"}, {}, "missing", False, True, id="a variable that Compose does not give"),
        pytest.param({"E": "big", "D": "gpu"}, {"E": "big", "D": "cpu"}, "missing", False, True, id="one of two holds"),
    ],
)
def test_a_report_passes_when_nothing_is_wrong_that_matters_now(
    when: dict[str, str], environment: dict[str, str], state: Any, needed: bool, passed: bool
) -> None:
    report = WeightsReport(
        "pose", Path("/w"), folder_exists=True, when=when, environment=environment, checks=(WeightCheck(FILE, state),)
    )
    assert (report.needed, report.complete, report.passed) == (needed, state == "ok", passed)


def test_folders_and_variables_as_a_person_reads_them() -> None:
    assert shown_folder(Path("/shop/my weights"), Path("/shop")) == "./my weights"
    assert shown_folder(Path("/data/weights"), Path("/shop")) == "/data/weights"
    assert render_variables({"ENGINE": "big", "DEVICE": "gpu"}) == "ENGINE=big, DEVICE=gpu"
    assert render_variables({}) == ""
