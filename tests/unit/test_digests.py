"""What is read again, and what is known from an earlier look."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from layerproof.context import load_context
from layerproof.digests import DigestIndex, load_index

OLD_NS = 1_600_000_000_000_000_000


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read."""
    from layerproof import digests

    seen: list[str] = []
    real: Callable[[str], str] = digests._sha256

    def noted(file: str) -> str:
        seen.append(Path(file).name)
        return real(file)

    monkeypatch.setattr(digests, "_sha256", noted)
    return seen


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been there for long."""
    monkeypatch.setattr("layerproof.digests.SETTLED_NS", -1_000_000_000_000)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "src").mkdir(parents=True)
    for name in ("a", "b", "src/c"):
        (root / name).write_text(name)
    return root


def look(tree: Path) -> dict[str, str]:
    index = load_index(tree.parent / "index" / "x.json")
    files = load_context(tree, dockerfile=tree / "Dockerfile", index=index)
    index.save()
    return {file.path: file.digest for file in files}


@pytest.mark.usefixtures("settled")
def test_a_second_look_reads_only_what_has_changed(tree: Path, reads: list[str]) -> None:
    first = look(tree)
    assert sorted(reads) == ["a", "b", "c"]
    reads.clear()
    assert look(tree) == first
    assert reads == []
    (tree / "a").write_text("another")
    (tree / "b").unlink()
    assert look(tree)["a"] != first["a"]
    assert reads == ["a"]
    assert '"b"' not in (tree.parent / "index" / "x.json").read_text()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", [lambda path: path.chmod(0o600), lambda path: os.utime(path, ns=(OLD_NS, OLD_NS))])
def test_whatever_the_file_system_says_of_a_file_counts(
    tree: Path, reads: list[str], change: Callable[[Path], None]
) -> None:
    look(tree)
    reads.clear()
    change(tree / "a")
    look(tree)
    assert reads == ["a"]


def test_a_file_as_young_as_the_index_is_read_again(tree: Path, reads: list[str]) -> None:
    look(tree)
    look(tree)
    assert sorted(reads) == ["a", "a", "b", "b", "c", "c"]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"schema": 99}', id="another version"),
        pytest.param(b'{"schema": 1, "paths": ["a"], "digests": [], "seen": []}', id="columns of unequal length"),
        pytest.param(b'{"schema": 1, "paths": ["a"], "digests": ["x"], "seen": [1, 2]}', id="half a row"),
        pytest.param(b"\xff\xfe", id="another encoding"),
    ],
)
def test_a_damaged_index_is_as_none(tree: Path, reads: list[str], content: bytes) -> None:
    path = tree.parent / "index" / "x.json"
    path.parent.mkdir()
    path.write_bytes(content)
    assert set(look(tree)) == {"a", "b", "src/c"}
    assert len(reads) == 3


@pytest.mark.usefixtures("settled")
def test_an_index_that_cannot_be_written_is_lost_and_nothing_else(tree: Path) -> None:
    (tree.parent / "index").write_text("a file where the folder should be")
    assert set(look(tree)) == {"a", "b", "src/c"}


@pytest.mark.usefixtures("settled")
def test_a_name_that_is_no_utf8_is_known_again(tree: Path, reads: list[str]) -> None:
    (tree / os.fsdecode(b"\xff")).write_text("x")
    look(tree)
    reads.clear()
    look(tree)
    assert reads == []


def test_links_and_pipes_are_never_read(tree: Path, reads: list[str]) -> None:
    (tree / "link").symlink_to("a")
    os.mkfifo(tree / "pipe")
    files = {file.path: file for file in load_context(tree, dockerfile=tree / "Dockerfile", index=DigestIndex())}
    assert sorted(reads) == ["a", "b", "c"]
    assert (files["link"].mode, files["pipe"].digest) == (0o777, "special")
