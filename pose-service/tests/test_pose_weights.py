from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pose.engine import load_engine
from pose.errors import ConfigurationError
from pose.weights import LOCK_NAME, MANIFEST, WeightFile, load_lock, load_manifest, verified

NETWORK = b"a network of a few bytes"
BODY = b"a body"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def listed(path: str, *, size_bytes: int | None = None, sha256: str | None = None) -> WeightFile:
    return WeightFile(path, "something", size_bytes, sha256, f"the place of {path}", "free")


# One file whose hash is shipped, and one whose hash is recorded.
FILES = [listed("deep/below/network.ckpt", sha256=sha256(NETWORK)), listed("body.pkl")]


def record(folder: Path, entries: dict[str, bytes]) -> None:
    files = {path: {"size_bytes": len(data), "sha256": sha256(data)} for path, data in entries.items()}
    (folder / LOCK_NAME).write_text(json.dumps({"schema": 1, "files": files}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which everything is as it should be."""
    (tmp_path / "deep/below").mkdir(parents=True)
    (tmp_path / "deep/below/network.ckpt").write_bytes(NETWORK)
    (tmp_path / "body.pkl").write_bytes(BODY)
    record(tmp_path, {"body.pkl": BODY})
    return tmp_path


def refusal(folder: Path, files: list[WeightFile]) -> str:
    with pytest.raises(ConfigurationError) as caught, verified(folder, files):
        pytest.fail("files that must not be loaded were offered for loading")
    return str(caught.value)


def test_good_files_can_be_read_as_often_as_wanted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), verified(folder, FILES) as weights:
        assert [weights.open("body.pkl").read() for _ in range(2)] == [BODY, BODY]
        assert weights.open("deep/below/network.ckpt").read() == NETWORK
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"verified 2 weight files, 0.00 GB, in {folder}")


def test_a_shipped_hash_needs_no_record_and_wins_over_one(folder: Path) -> None:
    record(folder, {"body.pkl": BODY, "deep/below/network.ckpt": b"another network"})
    with verified(folder, FILES) as weights:
        assert weights.open("deep/below/network.ckpt").read() == NETWORK


def remove(folder: Path) -> None:
    (folder / "body.pkl").unlink()


def replace_by_folder(folder: Path) -> None:
    remove(folder)
    (folder / "body.pkl").mkdir()


def replace_by_pipe(folder: Path) -> None:
    remove(folder)
    os.mkfifo(folder / "body.pkl")


def replace_by_dangling_link(folder: Path) -> None:
    remove(folder)
    (folder / "body.pkl").symlink_to("/nowhere/body.pkl")


def replace_by_link_to_itself(folder: Path) -> None:
    remove(folder)
    (folder / "body.pkl").symlink_to("body.pkl")


def write(name: str, data: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return change


def rename(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / old).rename(folder / new)

    return change


@pytest.mark.parametrize(
    ("change", "path", "wrong"),
    [
        pytest.param(remove, "body.pkl", "is missing", id="missing"),
        pytest.param(replace_by_folder, "body.pkl", "is a folder, not a file", id="a folder in its place"),
        pytest.param(replace_by_pipe, "body.pkl", "is not a regular file", id="a pipe in its place"),
        pytest.param(replace_by_dangling_link, "body.pkl", "is a link to nothing", id="a link out of the mount"),
        pytest.param(replace_by_link_to_itself, "body.pkl", "is a link to nothing", id="a link to itself"),
        pytest.param(write("body.pkl", b"cut"), "body.pkl", "has 3 bytes, recorded are 6", id="wrong size"),
        pytest.param(write("body.pkl", b"A BODY"), "body.pkl", "has SHA-256 ", id="not what was recorded"),
        pytest.param(write("deep/below/network.ckpt", b"x"), FILES[0].path, " instead of ", id="not what was shipped"),
        pytest.param(rename("body.pkl", "Body.PKL"), "body.pkl", "'Body.PKL' there differs", id="another case"),
        pytest.param(rename("deep", "Deep"), FILES[0].path, "'Deep' there differs", id="another case of a folder"),
        pytest.param(rename(LOCK_NAME, "no.lock"), "body.pkl", "nothing says which SHA-256", id="never recorded"),
    ],
)
def test_a_bad_file_is_named_with_its_origin_and_the_next_step(
    folder: Path, change: Callable[[Path], None], path: str, wrong: str
) -> None:
    change(folder)
    message = refusal(folder, FILES)
    assert message.startswith(f"1 problem(s) with the 2 weight files in {folder}. Nothing was loaded.")
    line = next(line for line in message.splitlines() if line.startswith(f"- {path}"))
    assert wrong in line
    assert f"from: the place of {path}" in message
    assert "inv weights" in next(line for line in message.splitlines() if "next: " in line)


def test_a_shipped_size_is_checked_before_anything_is_hashed(folder: Path) -> None:
    files = [listed("body.pkl", size_bytes=7, sha256=sha256(BODY))]
    assert "body.pkl has 6 bytes instead of 7" in refusal(folder, files)


def test_an_empty_file_is_not_taken_for_one_of_unknown_size(folder: Path) -> None:
    record(folder, {"body.pkl": b""})
    assert "body.pkl has 6 bytes, recorded are 0" in refusal(folder, FILES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{", "is not JSON", id="cut off"),
        pytest.param("[]", "is no record", id="a list"),
        pytest.param('{"schema": 2, "files": {}}', "its schema is 2", id="of another version"),
        pytest.param('{"schema": 1}', "is no record", id="without files"),
        pytest.param('{"schema": 1, "files": []}', "is no record", id="with a list of files"),
        pytest.param('{"schema": 1, "files": {"body.pkl": {}}}', "is no record", id="with an empty entry"),
        pytest.param(
            '{"schema": 1, "files": {"body.pkl": {"size_bytes": 6, "sha256": "abc"}}}', "no size and SHA-256", id="hash"
        ),
    ],
)
def test_a_broken_lock_is_the_one_problem(folder: Path, text: str, said: str) -> None:
    (folder / LOCK_NAME).write_text(text)
    message = refusal(folder, FILES)
    assert message.startswith("1 problem(s)")
    assert f"- {LOCK_NAME} " in message
    assert said in message
    assert "inv weights --record" in message


def test_a_lock_that_is_no_text_is_a_problem(folder: Path) -> None:
    (folder / LOCK_NAME).write_bytes(b"\xff\xfe\x00")
    assert f"- {LOCK_NAME} cannot be read" in refusal(folder, FILES)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    remove(folder)
    write("deep/below/network.ckpt", b"x")(folder)
    (folder / "new.pkl").write_bytes(b"?")
    message = refusal(folder, [*FILES, listed("new.pkl")])
    assert message.startswith("3 problem(s) with the 3 weight files")
    assert all(f"- {path} " in message for path in ("deep/below/network.ckpt", "body.pkl", "new.pkl"))


def test_a_folder_that_was_not_mounted_is_said_to_be_missing(tmp_path: Path) -> None:
    message = refusal(tmp_path / "weights", FILES)
    assert "a folder that does not exist: mount it" in message
    assert message.startswith("2 problem(s)")


def test_a_link_to_a_file_counts_as_the_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "body"
    (folder / "body.pkl").rename(elsewhere)
    (folder / "body.pkl").symlink_to(elsewhere)
    with verified(folder, FILES) as weights:
        assert weights.open("body.pkl").read() == BODY


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_a_problem(folder: Path) -> None:
    (folder / "body.pkl").chmod(0)
    assert f"body.pkl cannot be read by user {os.getuid()}" in refusal(folder, FILES)


def test_a_file_replaced_after_the_check_is_not_what_gets_loaded(folder: Path) -> None:
    with verified(folder, FILES) as weights:
        (folder / "evil").write_bytes(b"A BODY")
        (folder / "evil").replace(folder / "body.pkl")
        assert weights.open("body.pkl").read() == BODY


def test_a_file_written_to_after_the_check_stops_the_start(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"body\.pkl in .* changed while"), verified(folder, FILES):
        (folder / "body.pkl").write_bytes(b"A LONGER BODY")


def test_the_shipped_list_is_one_that_this_service_reads() -> None:
    files = load_manifest()
    assert len({file.path for file in files}) == len(files) == 6
    assert json.loads(MANIFEST.read_text())["when"] == {"POSE_ENGINE": "hmr2"}
    assert all(file.what and file.origin and file.licence for file in files)


@pytest.mark.parametrize("document", [[], {}, {"schema": 2, "files": []}, {"schema": 1, "files": [{}]}])
def test_a_list_in_another_form_is_refused(tmp_path: Path, document: Any) -> None:
    (tmp_path / "weights.json").write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="is no list of weight files"):
        load_manifest(tmp_path / "weights.json")


def test_no_lock_records_nothing(tmp_path: Path) -> None:
    assert load_lock(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hmr2", r"needs torch, .*FLAVOUR=hmr2"),
        ("hmr2-selftest", r"needs torch, .*FLAVOUR=hmr2"),
        ("mediapipe", r"needs mediapipe, .*FLAVOUR=mediapipe"),
    ],
)
def test_an_engine_without_its_packages_says_which_image_has_them(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose.engine.importlib.util.find_spec", lambda _package: None)
    with pytest.raises(ConfigurationError, match=message):
        load_engine(name)
