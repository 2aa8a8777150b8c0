"""The files of a build context. Ignore patterns themselves are checked against BuildKit in tests/recorded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from layerproof.context import ContextFile, ignore_file_of, ignorer, load_context, parse_ignore
from layerproof.errors import ConfigError


def load(folder: Path) -> dict[str, ContextFile]:
    return {file.path: file for file in load_context(folder, dockerfile=folder / "Dockerfile")}


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        pytest.param("a\n\n  \nb\n", ("a", "b"), id="blank lines are nothing"),
        pytest.param("# a\n#b\n", (), id="comments are nothing"),
        pytest.param(" # a\n", ("# a",), id="a comment starts at the line's first character"),
        pytest.param("\ufeffa\n", ("a",), id="a byte order mark is nothing"),
        pytest.param("a\r\nb\r\n", ("a", "b"), id="Windows line ends"),
        pytest.param("/a\n./b\nc/\n//d\n", ("a", "b", "c", "d"), id="slashes at either end"),
        pytest.param("a/../b\na//c\n", ("b", "a/c"), id="dots and doubled slashes"),
        pytest.param("! a\n!/b\n", ("!a", "!b"), id="exceptions are cleaned as well"),
        pytest.param("!!a\n", ("!!a",), id="the second exclamation mark is part of the name"),
        pytest.param(".\n", (), id="the context itself cannot be left out"),
        pytest.param("!../../a\n", ("a",), id="an exception is cleaned as a whole, too"),
        pytest.param("a\u2028b\n", ("a\u2028b",), id="only a line feed ends a line"),
        pytest.param("", (), id="an empty file"),
    ],
)
def test_an_ignore_file_is_cleaned(text: str, patterns: tuple[str, ...]) -> None:
    assert parse_ignore(text) == patterns


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        pytest.param(("**/x", "!keep"), "a/b/x/c/d", True, id="a deep file below a deep folder, with an exception"),
        pytest.param(("a", "!a/b"), "a/b/c", False, id="below an exception"),
        pytest.param(("a", "!a/b", "a/b/c"), "a/b/c", True, id="the last pattern decides"),
        pytest.param(("!a", "a"), "a", True, id="an exception before the pattern"),
        pytest.param(("a/*/c", "!a*"), "a/b/c/d", True, id="an exception that changed nothing of a folder"),
        pytest.param(("\\d",), "7", True, id="an escaped letter is that of a regular expression"),
        pytest.param(("\\a",), "a", False, id="or a bell"),
        pytest.param(("*.log",), "x/y.log", False, id="one star stays in its folder"),
        pytest.param(("[a&&b]x",), "&x", True, id="characters that Python reads as set operators"),
        pytest.param((), "a", False, id="no pattern"),
    ],
)
def test_a_path_under_patterns(patterns: tuple[str, ...], path: str, ignored: bool) -> None:
    assert ignorer(patterns)(path) is ignored


def test_a_pattern_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="not valid"):
        ignorer(("[z-a]",))


def test_the_ignore_file_of_the_dockerfile_wins(tmp_path: Path) -> None:
    assert ignore_file_of(tmp_path / "Dockerfile", tmp_path) is None
    (tmp_path / ".dockerignore").write_text("a")
    assert ignore_file_of(tmp_path / "Dockerfile", tmp_path) == tmp_path / ".dockerignore"
    (tmp_path / "dev.Dockerfile.dockerignore").write_text("b")
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    paths = [file.path for file in load_context(tmp_path, dockerfile=tmp_path / "dev.Dockerfile")]
    assert "a" in paths
    assert "b" not in paths


def test_a_named_context_has_no_ignore_file_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile.dockerignore").write_text("a")
    assert ignore_file_of(None, tmp_path) is None
    (tmp_path / ".dockerignore").write_text("b")
    assert ignore_file_of(None, tmp_path) == tmp_path / ".dockerignore"


@pytest.mark.parametrize(
    ("patterns", "told"), [("shut\n!README.md\n", False), ("shut\n", False), ("a\n!README.md\n", True)]
)
def test_a_folder_that_may_not_be_read_counts_unless_it_is_kept_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patterns: str, told: bool
) -> None:
    """As root too, who may read every folder."""
    (tmp_path / "shut").mkdir()
    (tmp_path / "README.md").touch()
    (tmp_path / ".dockerignore").write_text(patterns)
    really = os.open

    def refusing(path: str, *more: int) -> int:
        if str(path).rstrip("/").endswith("/shut"):
            raise PermissionError(13, "Permission denied", path)
        return really(path, *more)

    monkeypatch.setattr("layerproof.context.os.open", refusing)
    if told:
        with pytest.raises(ConfigError, match="Permission denied"):
            load(tmp_path)
    else:
        assert "README.md" in load(tmp_path)


def test_files_are_sorted_and_have_mode_and_digest(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("x")
    (tmp_path / "a").write_text("")
    (tmp_path / "a").chmod(0o755)
    files = load_context(tmp_path, dockerfile=tmp_path / "Dockerfile")
    assert [file.path for file in files] == ["a", "b/x"]
    assert files[0].mode == 0o755
    assert files[1].digest == hashlib.sha256(b"x").hexdigest()


def test_a_mode_counts_and_a_time_does_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = load(tmp_path)
    os.utime(tmp_path / "a", (1, 1))
    assert load(tmp_path) == before
    (tmp_path / "a").chmod(0o700)
    assert load(tmp_path) != before


def test_an_empty_folder_counts_as_it_does_for_buildkit(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert list(load(tmp_path)) == ["a/b/"]
    (tmp_path / "a" / "b" / "c").touch()
    assert list(load(tmp_path)) == ["a/b/c"]


def test_links_count_by_the_name_of_their_target_and_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "to-file").symlink_to("folder/x")
    (tmp_path / "to-nothing").symlink_to("gone")
    files = load(tmp_path)
    assert set(files) == {"folder/x", "to-folder", "to-file", "to-nothing"}
    assert files["to-folder"].digest == "link:folder"


def test_a_fifo_is_noted_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert load(tmp_path)["pipe"].digest == "special"


def test_names_may_hold_anything_but_a_slash(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path)
    for name in (b"two words", b"line\nbreak", b"\xff\xfe.txt", "größe".encode()):
        Path(os.fsdecode(raw + b"/" + name)).touch()
    names = {os.fsencode(path) for path in load(tmp_path)}
    assert names == {b"two words", b"line\nbreak", b"\xff\xfe.txt", "größe".encode()}


def test_a_folder_that_is_ignored_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / ".dockerignore").write_text("**/node_modules\n")
    refuse(tmp_path / "node_modules", monkeypatch)
    assert list(load(tmp_path)) == [".dockerignore"]


def test_a_folder_that_cannot_be_read_is_an_error_not_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    refuse(tmp_path / "closed", monkeypatch)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def refuse(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a folder without permissions behaves for anyone but root."""
    opened = os.open

    def guarded(path: str, *rest: int) -> int:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", guarded)


@pytest.mark.parametrize("line", ["!", "!/", "\\q"])
def test_a_pattern_that_buildkit_refuses_is_an_error_with_its_file(tmp_path: Path, line: str) -> None:
    (tmp_path / ".dockerignore").write_text(f"a\n{line}\n")
    with pytest.raises(ConfigError, match="dockerignore: the ignore pattern"):
        load(tmp_path)


def test_a_context_that_is_no_folder_and_an_unreadable_ignore_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        load(tmp_path / "gone")
    (tmp_path / ".dockerignore").write_bytes(b"\xff\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
