"""Build records and fingerprints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from layerproof.context import ContextFile
from layerproof.dockerfile import parse_dockerfile
from layerproof.model import Image
from layerproof.records import Record, fingerprint, load_record, save_record

RECORD = Record("web", "f00", "sha256:1")
IMAGE = Image("web", "web:latest", "service", Path("/p"), parse_dockerfile("FROM x\n", path=Path("D")), None)
FILE = ContextFile("a", 0o644, "1")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    save_record(tmp_path / "new" / "folder", RECORD)
    assert load_record(tmp_path / "new" / "folder", "web") == (RECORD, "")
    save_record(tmp_path / "new" / "folder", replace(RECORD, image_id="sha256:2"))
    assert load_record(tmp_path / "new" / "folder", "web")[0] == replace(RECORD, image_id="sha256:2")


def test_no_record_is_no_damage(tmp_path: Path) -> None:
    assert load_record(tmp_path, "web") == (None, "")


def test_a_record_of_another_schema_is_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "web.json").write_text('{"schema": 99, "shape": "new"}')
    assert load_record(tmp_path, "web") == (None, "")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"schema": 1, "image": "w', id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="nothing"),
        pytest.param(b"{}", id="without a schema"),
        pytest.param(b'{"schema": 1, "image": "web"}', id="a key too few"),
        pytest.param(b'{"schema": 1, "image": "web", "fingerprint": "", "image_id": "", "x": 1}', id="a key too many"),
        pytest.param(b'{"schema": 1, "image": "api", "fingerprint": "f", "image_id": "i"}', id="another image's"),
        pytest.param(b"\xff\xfe", id="another encoding"),
    ],
)
def test_a_damaged_record_is_a_warning(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "web.json").write_bytes(content)
    record, warning = load_record(tmp_path, "web")
    assert record is None
    assert "web.json: the build record is damaged" in warning


def test_a_record_in_place_of_a_folder_is_damaged_too(tmp_path: Path) -> None:
    (tmp_path / "web.json").mkdir()
    assert "damaged" in load_record(tmp_path, "web")[1]


def test_a_write_that_fails_leaves_the_old_record_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_record(tmp_path, RECORD)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", fail)
    with pytest.raises(OSError, match="No space left"):
        save_record(tmp_path, replace(RECORD, fingerprint="f01"))
    assert load_record(tmp_path, "web") == (RECORD, "")
    assert {path.name for path in tmp_path.iterdir()} <= {"web.json", ".lock"}


def print_of(image: Image = IMAGE, **changes: Any) -> str:
    given: dict[str, Any] = {"files": (FILE,), "named": {}, "parents": {"base": "1"}, "upstream_ids": {"x": "1"}}
    return fingerprint(image, **{**given, **changes})


@pytest.mark.parametrize(
    ("image", "changes"),
    [
        pytest.param(replace(IMAGE, tag="web:2"), {}, id="the tag"),
        pytest.param(replace(IMAGE, target="x"), {}, id="the target"),
        pytest.param(replace(IMAGE, args={"A": "1"}), {}, id="an argument"),
        pytest.param(replace(IMAGE, contexts={"a": "b"}), {}, id="a named context"),
        pytest.param(replace(IMAGE, options={"network": "host"}), {}, id="an option"),
        pytest.param(
            replace(IMAGE, dockerfile=parse_dockerfile("FROM x\n#\n", path=Path("D"))), {}, id="the Dockerfile's text"
        ),
        pytest.param(IMAGE, {"files": (FILE._replace(mode=0o755),)}, id="a file's mode"),
        pytest.param(IMAGE, {"files": (FILE._replace(digest="2"),)}, id="a file's content"),
        pytest.param(IMAGE, {"files": (FILE._replace(path="b"),)}, id="a file's name"),
        pytest.param(IMAGE, {"files": ()}, id="a file that is gone"),
        pytest.param(IMAGE, {"named": {"wheels": (FILE,)}}, id="a file of a named context"),
        pytest.param(IMAGE, {"parents": {"base": "2"}}, id="a base"),
        pytest.param(IMAGE, {"upstream_ids": {"x": "2"}}, id="an upstream image"),
    ],
)
def test_a_fingerprint_changes_with(image: Image, changes: dict[str, Any]) -> None:
    assert print_of(image, **changes) != print_of()


def test_a_fingerprint_does_not_change_with_where_the_project_lies_or_the_order_of_arguments() -> None:
    assert print_of(replace(IMAGE, context=Path("/q"))) == print_of()
    one, two = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}
    assert print_of(replace(IMAGE, args=one)) == print_of(replace(IMAGE, args=two))


def test_a_name_that_is_no_utf8_has_a_fingerprint() -> None:
    assert print_of(files=(FILE._replace(path="\udcff"),)) != print_of()
