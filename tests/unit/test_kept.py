"""What tasks found, kept for the report: partial runs are merged, damage is passed over, a full disk is no error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layerproof.kept import keep, kept


def found(*rows: tuple[str, str, bool]) -> dict[str, Any]:
    verdicts = [{"image": image, "probe": probe, "passed": passed} for image, probe, passed in rows]
    return {"schema": 1, "lab": False, "passed": all(row["passed"] for row in verdicts), "verdicts": verdicts}


def put(folder: Path, *rows: tuple[str, str, bool], at: float = 1.0) -> tuple[str, ...]:
    return keep(folder, "proof", found(*rows), rows="verdicts", by=("image", "probe"), at=at)


def test_nothing_is_kept_before_something_was_found(tmp_path: Path) -> None:
    assert kept(tmp_path, "proof", rows="verdicts") is None


def test_a_partial_run_keeps_the_rows_of_the_others(tmp_path: Path) -> None:
    assert put(tmp_path, ("api", "noop", True), ("web", "noop", True), at=1.0) == ()
    put(tmp_path, ("api", "noop", False), ("api", "source", True), at=2.0)
    document = kept(tmp_path, "proof", rows="verdicts")
    assert document is not None
    rows = [(row["image"], row["probe"], row["passed"], row["at"]) for row in document["verdicts"]]
    assert rows == [("api", "noop", False, 2.0), ("web", "noop", True, 1.0), ("api", "source", True, 2.0)]
    assert document["passed"] is False


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"schema": 1, "verdi', id="half a file"),
        pytest.param("[]", id="another type"),
        pytest.param('{"schema": 1, "verdicts": [1]}', id="rows of another type"),
        pytest.param('{"schema": 99, "verdicts": []}', id="a version of the future"),
    ],
)
def test_a_damaged_document_is_a_warning_and_is_written_anew(tmp_path: Path, text: str) -> None:
    put(tmp_path, ("api", "noop", True))
    (path,) = (tmp_path / "kept").glob("*.json")
    path.write_text(text)
    warnings: list[str] = []
    assert kept(tmp_path, "proof", rows="verdicts", damaged=warnings.append) is None
    assert "passed over" in warnings[0]
    assert put(tmp_path, ("web", "noop", True)) == ()
    assert [row["image"] for row in json.loads(path.read_bytes())["verdicts"]] == ["web"]


def test_what_cannot_be_kept_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    (warning,) = put(tmp_path, ("api", "noop", True))
    assert warning.startswith("what proof found cannot be kept")


def test_it_is_for_its_owner_only(tmp_path: Path) -> None:
    put(tmp_path, ("api", "noop", True))
    (path,) = (tmp_path / "kept").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
