"""The copy that a proof edits: made of links, and never a way into the real tree."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from msgspec.structs import replace

from layerproof.errors import ProofError
from layerproof.model import Project
from layerproof.prove.edits import Edit
from layerproof.workflow import workspace as module
from layerproof.workflow.load import STATE_FOLDER
from layerproof.workflow.workspace import Workspace, make_workspace

DEAD, LIVE = "d" * 32, "a" * 32


def snapshot(root: Path, *, times: bool = True) -> dict[str, tuple[object, ...]]:
    """Kind, mode, time and content of everything below a folder, but for what proofs leave in their own."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != STATE_FOLDER]
        for path in (Path(folder), *(Path(folder, name) for name in (*folders, *names))):
            status = path.lstat()
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = path.readlink()
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            if path != root:  # the folder of proofs is made in it
                found[str(path)] = (status.st_mode, status.st_mtime_ns if times else 0, content)
    return found


@pytest.fixture
def tree(repo: Path) -> Path:
    """The repository with what real ones have: names with blanks, modes, links, things that are ignored."""
    web = repo / "web"
    (web / "src" / "two words.js").write_text("a\n")
    (web / "run.sh").write_text("#!/bin/sh\n")
    (web / "run.sh").chmod(0o755)
    (web / "shared.js").write_text("open\n")
    (web / "shared.js").chmod(0o666)
    (web / "closed").mkdir()
    (web / "closed" / "x.js").write_text("x\n")
    (web / "closed").chmod(0o750)
    (web / "empty").mkdir()
    (web / "to-file.js").symlink_to("src/main.js")
    (web / "to-nothing").symlink_to("gone")
    (web / "README.md").write_text("read me\n")
    (web / ".env").write_text("SECRET=1\n")
    (web / "debug.log").write_text("log\n")
    return repo


@pytest.fixture
def made(tree: Path, project: Project) -> Iterator[Workspace]:
    with make_workspace(project, project.images) as workspace:
        yield workspace


def make(project: Project) -> Any:
    return make_workspace(project, project.images)


def proofs(root: Path) -> list[Path]:
    folder = root / STATE_FOLDER / "proofs"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_files_are_links_to_the_real_ones(tree: Path, made: Workspace) -> None:
    for name in ("src/main.js", "src/two words.js", "run.sh", "Dockerfile", ".dockerignore"):
        assert made.at(tree / "web" / name).samefile(tree / "web" / name), name
    assert made.at(tree / "docker" / "base-node" / "Dockerfile").is_file()


def test_symbolic_links_stay_what_they_are(tree: Path, made: Workspace) -> None:
    assert made.at(tree / "web" / "to-file.js").readlink() == Path("src/main.js")
    assert made.at(tree / "web" / "to-nothing").readlink() == Path("gone")


def test_modes_of_files_and_folders_are_kept_and_empty_folders_are_there(tree: Path, made: Workspace) -> None:
    for name in ("run.sh", "shared.js", "closed", "empty", "src"):
        real, copy = (tree / "web" / name).stat(), made.at(tree / "web" / name).stat()
        assert (copy.st_mode, copy.st_mtime_ns) == (real.st_mode, real.st_mtime_ns), name


def test_what_is_ignored_is_not_in_the_copy(tree: Path, project: Project, made: Workspace) -> None:
    for name in ("README.md", ".env", "debug.log"):
        assert not made.at(tree / "web" / name).exists()
    assert set(made.files_of(next(image for image in project.images if image.name == "web"))[tree / "web"]) == {
        ".dockerignore",
        "Dockerfile",
        "closed/x.js",
        "package.json",
        "run.sh",
        "shared.js",
        "src/main.js",
        "src/two words.js",
        "to-file.js",
        "to-nothing",
    }


def test_an_image_is_built_from_the_copy(tree: Path, project: Project, made: Workspace) -> None:
    image = next(image for image in project.images if image.name == "web")
    moved = made.moved(image)
    assert moved.context == made.root / "web"
    assert moved.dockerfile.path == made.root / "web" / "Dockerfile"
    assert replace(moved, context=image.context, dockerfile=image.dockerfile) == image
    inline = made.moved(replace(image, inline=True))
    assert inline.dockerfile.path == image.dockerfile.path


def test_named_contexts_that_are_folders_are_copied_and_others_are_left_alone(tree: Path, project: Project) -> None:
    (tree / "lib").mkdir()
    (tree / "lib" / "a.js").write_text("a\n")
    contexts = {"lib": str(tree / "lib"), "node": "docker-image://node:18"}
    images = [replace(image, contexts=contexts) if image.name == "web" else image for image in project.images]
    with make_workspace(project, images) as workspace:
        moved = next(workspace.moved(image) for image in images if image.name == "web")
        assert moved.contexts == {"lib": str(workspace.root / "lib"), "node": "docker-image://node:18"}
        assert (workspace.root / "lib" / "a.js").samefile(tree / "lib" / "a.js")


def test_a_context_outside_the_project_keeps_its_place(tree: Path, project: Project, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "a.js").write_text("a\n")
    images = [replace(image, context=outside) if image.name == "web" else image for image in project.images]
    with make_workspace(project, images) as workspace:
        assert workspace.at(outside / "a.js").samefile(outside / "a.js")
        assert workspace.at(outside).relative_to(workspace.root) == outside.relative_to(workspace.common)


def test_the_copy_is_not_in_itself(tree: Path, project: Project) -> None:
    images = [replace(image, context=tree) if image.name == "web" else image for image in project.images]
    with make_workspace(project, images) as workspace:
        listed = [path for paths in workspace.files.values() for path in paths]
        assert not [path for path in listed if path.startswith(STATE_FOLDER)]
        assert not workspace.at(tree / STATE_FOLDER).exists()


def test_a_context_is_copied_as_the_ignore_file_of_each_dockerfile_lets_it_through(
    tree: Path, project: Project
) -> None:
    web = tree / "web"
    (web / "dev.Dockerfile").write_text("FROM scratch\nCOPY . .\n")
    (web / "dev.Dockerfile.dockerignore").write_text("src\n")
    image = next(image for image in project.images if image.name == "web")
    dev = replace(image, name="dev", dockerfile=replace(image.dockerfile, path=web / "dev.Dockerfile"))
    with make_workspace(project, [image, dev]) as workspace:
        assert workspace.at(web / "README.md").is_file()
        assert workspace.at(web / "src" / "main.js").is_file()
        assert workspace.at(web / "dev.Dockerfile.dockerignore").is_file()


# By name: the edits, as functions of the folder of a service.
EDITS = {
    "append to a file": lambda web: [Edit(web / "src" / "main.js", "append", b"// x\n")],
    "append to a name with a blank": lambda web: [Edit(web / "src" / "two words.js", "append", b"// x\n")],
    "append to a file that is ignored": lambda web: [Edit(web / "README.md", "append", b"x\n")],
    "append to a file with a secret": lambda web: [Edit(web / ".env", "append", b"X=1\n")],
    "append to a file that is not there": lambda web: [Edit(web / "new.pkl", "append", b"x")],
    "append in folders that are not there": lambda web: [Edit(web / "data" / "a" / "b.bin", "append", b"x")],
    "append twice to one file": lambda web: [
        Edit(web / "run.sh", "append", b"1\n"),
        Edit(web / "run.sh", "append", b"2\n"),
    ],
    "write over a file": lambda web: [Edit(web / "Dockerfile", "write", b"FROM x\n")],
    "touch a file": lambda web: [Edit(web / "shared.js", "touch")],
    "touch an executable": lambda web: [Edit(web / "run.sh", "touch")],
    "append to a link": lambda web: [Edit(web / "to-file.js", "append", b"// x\n")],
    "append to a link to nothing": lambda web: [Edit(web / "to-nothing", "append", b"// x\n")],
    "append where a folder is": lambda web: [Edit(web / "src", "append", b"x")],
    "append below a file": lambda web: [Edit(web / "run.sh" / "x.bin", "append", b"x")],
    "append below a link to a file": lambda web: [Edit(web / "to-file.js" / "x.bin", "append", b"x")],
    "append in an empty folder": lambda web: [Edit(web / "empty" / "x", "append", b"x")],
    "append in a closed folder": lambda web: [Edit(web / "closed" / "x.js", "append", b"x")],
    "several in one new folder": lambda web: [Edit(web / "data" / name, "append", b"x") for name in ("a", "b", "c")],
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_an_edit_leaves_the_real_tree_alone_and_the_copy_as_it_was(
    tree: Path, project: Project, edits: Callable[[Path], list[Edit]]
) -> None:
    before = snapshot(tree)
    with make(project) as workspace:
        copy = snapshot(workspace.root)
        with workspace.edited(edits(tree / "web")):
            assert snapshot(tree) == before
        assert snapshot(workspace.root, times=False) == {
            path: (mode, 0, content) for path, (mode, _, content) in copy.items()
        }
        assert list(workspace.kept.iterdir()) == []
        with pytest.raises(KeyboardInterrupt), workspace.edited(edits(tree / "web")):
            raise KeyboardInterrupt
        assert snapshot(workspace.root, times=False) == {
            path: (mode, 0, content) for path, (mode, _, content) in copy.items()
        }
    assert snapshot(tree) == before


def test_the_times_of_folders_are_as_they_were_after_an_edit(tree: Path, made: Workspace) -> None:
    before = snapshot(made.root)
    with made.edited([Edit(tree / "web" / "src" / "main.js", "append", b"x")]):
        pass
    assert snapshot(made.root) == before
    with made.edited([Edit(tree / "web" / "src" / "data" / "x.bin", "append", b"x")]):
        pass
    assert snapshot(made.root) == before


def test_files_that_an_edit_replaces_are_the_same_files_afterwards(tree: Path, made: Workspace) -> None:
    path = tree / "web" / "src" / "main.js"
    with made.edited([Edit(path, "append", b"x")]):
        assert not made.at(path).samefile(path)
    assert made.at(path).samefile(path)


def test_what_an_edit_does_to_the_copy(tree: Path, made: Workspace) -> None:
    web = tree / "web"
    edits = [
        Edit(web / "run.sh", "append", b"# x\n"),
        Edit(web / "README.md", "append", b"x\n"),
        Edit(web / "package.json", "write", b"[]"),
        Edit(web / "data" / "deep" / "x.bin", "append", b"x"),
        Edit(web / "to-file.js", "append", b"// x\n"),
    ]
    with made.edited(edits):
        assert made.at(web / "run.sh").read_text() == "#!/bin/sh\n# x\n"
        assert stat.S_IMODE(made.at(web / "run.sh").stat().st_mode) == 0o755
        assert made.at(web / "README.md").read_text() == "read me\nx\n"
        assert made.at(web / "package.json").read_text() == "[]"
        assert made.at(web / "data" / "deep" / "x.bin").read_bytes() == b"x"
        assert made.at(web / "to-file.js").read_text() == "// web\n// x\n"
        assert made.at(web / "src" / "main.js").read_text() == "// web\n"


def test_a_touch_changes_the_time_and_nothing_else(tree: Path, made: Workspace) -> None:
    path = tree / "web" / "shared.js"
    os.utime(path, (1, 1))
    with made.edited([Edit(path, "touch")]):
        status = made.at(path).stat()
        assert status.st_mtime > 1
        assert stat.S_IMODE(status.st_mode) == 0o666
        assert made.at(path).read_text() == "open\n"
    assert path.stat().st_mtime == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


@pytest.mark.parametrize("absolute", [False, True], ids=["by a relative path", "by an absolute path"])
def test_nothing_is_written_through_a_folder_that_is_a_link(tree: Path, project: Project, *, absolute: bool) -> None:
    outside = tree / "elsewhere"
    outside.mkdir()
    (outside / "keep.bin").write_text("keep\n")
    (tree / "web" / ".dockerignore").write_text("")
    (tree / "web" / "data").symlink_to(outside if absolute else Path("../elsewhere"))
    before = snapshot(tree)
    with make(project) as workspace:
        edits = [
            Edit(tree / "web" / "data" / "keep.bin", "append", b"x"),
            Edit(tree / "web" / "data" / "deep" / "new.bin", "append", b"x"),
        ]
        with workspace.edited(edits):
            assert snapshot(tree) == before
        with workspace.edited([Edit(tree / "web" / "data", "append", b"x")]):
            assert snapshot(tree) == before
    assert snapshot(tree) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_the_copy_goes_however_the_proof_ends(tree: Path, project: Project, error: type[BaseException]) -> None:
    before = snapshot(tree)
    with pytest.raises(error), make(project) as workspace, workspace.edited(EDITS["touch a file"](tree / "web")):
        raise error
    assert proofs(tree) == []
    assert not (tree / STATE_FOLDER / "proofs").exists()
    assert snapshot(tree) == before


def test_an_interrupt_while_the_copy_is_made_leaves_nothing(
    tree: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", interrupt)
    with pytest.raises(KeyboardInterrupt), make(project):
        pytest.fail("there is no copy")
    assert proofs(tree) == []


def test_the_copy_of_a_dead_proof_is_removed_and_that_of_a_live_one_is_not(tree: Path, project: Project) -> None:
    home = tree / STATE_FOLDER / "proofs"
    for name in (DEAD, LIVE):
        (home / name / "copy" / "web").mkdir(parents=True)
        (home / name / "copy" / "web" / "a.js").write_text("a\n")
    (home / f"{DEAD}.lock").touch()
    with FileLock(home / f"{LIVE}.lock"):
        with make(project) as workspace:
            assert not (home / DEAD).exists()
            assert not (home / f"{DEAD}.lock").exists()
            assert (home / LIVE / "copy" / "web" / "a.js").is_file()
            assert workspace.root.is_dir()
        assert (home / LIVE).is_dir()


def test_two_proofs_at_once_do_not_meet(tree: Path, project: Project) -> None:
    path = tree / "web" / "src" / "main.js"
    with make(project) as one, make(project) as other:
        with one.edited([Edit(path, "append", b"x")]):
            assert other.at(path).read_text() == "// web\n"
        assert one.root != other.root
    assert proofs(tree) == []


def test_a_copy_whose_proof_died_before_it_was_locked_is_removed(tree: Path, project: Project) -> None:
    orphan = tree / STATE_FOLDER / "proofs" / DEAD
    (orphan / "copy").mkdir(parents=True)
    with make(project):
        assert not orphan.exists()


def raising(code: int) -> Callable[..., None]:
    def refuse(source: object, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(source))

    return refuse


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_copy_that_cannot_be_made_is_an_error_that_leaves_nothing(
    tree: Path, project: Project, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "link", raising(code))
    with pytest.raises(ProofError) as caught, make(project):
        pytest.fail("there is no copy")
    assert os.strerror(code) in caught.value.message
    assert ("space" in caught.value.hint) is (code != errno.EIO)
    assert proofs(tree) == []


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EMLINK, errno.EPERM])
def test_where_no_link_can_be_made_files_are_copied(
    tree: Path, project: Project, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    os.mkfifo(tree / "web" / "pipe")
    before = snapshot(tree)
    monkeypatch.setattr(os, "link", raising(code))
    with make(project) as workspace:
        path = tree / "web" / "run.sh"
        assert not workspace.at(path).samefile(path)
        assert workspace.at(path).read_bytes() == path.read_bytes()
        assert stat.S_IMODE(workspace.at(path).stat().st_mode) == 0o755
        assert workspace.at(tree / "web" / "to-nothing").is_symlink()
        with workspace.edited([Edit(path, "append", b"x")]):
            assert snapshot(tree) == before


def test_a_full_disk_during_an_edit_is_an_error_and_the_copy_is_as_it_was(
    tree: Path, made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(made.root, times=False)
    edits = [Edit(tree / "web" / "src" / "main.js", "append", b"x"), Edit(tree / "web" / "data" / "x", "append", b"x")]
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "x":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ProofError, match="No space left"), made.edited(edits):
        pytest.fail("the edit was not made")
    assert snapshot(made.root, times=False) == before


def test_an_error_of_the_body_is_not_taken_for_one_of_the_copy(tree: Path, made: Workspace) -> None:
    with pytest.raises(BrokenPipeError), made.edited([Edit(tree / "web" / "run.sh", "touch")]):
        raise BrokenPipeError


def test_a_file_that_vanishes_while_it_is_linked_is_passed_over(
    tree: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def vanish(source: Path, target: Path, **kwargs: bool) -> None:
        if source.name == "run.sh":
            source.unlink()
        link(source, target, **kwargs)

    monkeypatch.setattr(os, "link", vanish)
    with make(project) as workspace:
        assert not workspace.at(tree / "web" / "run.sh").exists()
        assert workspace.at(tree / "web" / "src" / "main.js").is_file()


def read_only(root: Path, monkeypatch: pytest.MonkeyPatch, code: int, folder: Path) -> None:
    """A checkout in which no folder can be made, as root too sees one that is mounted so."""
    mkdir, temporary = os.mkdir, tempfile.TemporaryFile

    def refuse(path: str | Path, *args: int, **kwargs: int) -> None:
        if Path(path).is_relative_to(root) and not Path(path).exists():
            raise OSError(code, os.strerror(code), str(path))
        mkdir(path, *args, **kwargs)

    def refuse_temporary(**kwargs: Any) -> Any:
        if Path(kwargs["dir"]).is_relative_to(root):
            raise OSError(code, os.strerror(code), str(kwargs["dir"]))
        return temporary(**kwargs)

    monkeypatch.setattr(os, "mkdir", refuse)
    monkeypatch.setattr(module.tempfile, "TemporaryFile", refuse_temporary)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
@pytest.mark.parametrize(
    "left",
    [
        pytest.param(False, id="a clean checkout"),
        pytest.param(True, id="a checkout with the folder of earlier proofs"),
    ],
)
def test_of_a_checkout_that_is_read_only_the_copy_is_made_elsewhere(
    tree: Path, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any, code: int, *, left: bool
) -> None:
    if left:
        (tree / STATE_FOLDER / "proofs").mkdir(parents=True)
    elsewhere = tmp_path_factory.mktemp("temporary")
    read_only(tree, monkeypatch, code, elsewhere)
    before = snapshot(tree)
    with make(project) as workspace:
        assert workspace.root.is_relative_to(elsewhere)
        assert workspace.at(tree / "web" / "run.sh").read_bytes() == (tree / "web" / "run.sh").read_bytes()
    assert list(elsewhere.iterdir()) == []
    assert snapshot(tree) == before


def test_a_dockerfile_that_is_a_link_can_be_read_in_the_copy(tree: Path, project: Project) -> None:
    (tree / "recipes").mkdir()
    (tree / "web" / "Dockerfile").rename(tree / "recipes" / "web.Dockerfile")
    (tree / "web" / "Dockerfile").symlink_to("../recipes/web.Dockerfile")
    with make(project) as workspace:
        assert workspace.at(tree / "web" / "Dockerfile").read_text().startswith("FROM base-node")


def test_what_no_proof_has_made_is_never_removed(tree: Path, project: Project) -> None:
    home = tree / STATE_FOLDER / "proofs"
    (home / "mine").mkdir(parents=True)
    (home / "mine.lock").touch()
    (home / DEAD).symlink_to(tree / "web")
    with make(project):
        pass
    assert (home / "mine").is_dir()
    assert (home / DEAD / "src" / "main.js").is_file()


def test_nothing_outside_of_the_copy_is_edited(tree: Path, project: Project) -> None:
    outside = Edit(tree / "web" / ".." / ".." / ".." / ".." / "x.js", "append", b"x")
    refused = pytest.raises(ProofError, match="outside of the copy")
    with make(project) as workspace, refused, workspace.edited([outside]):
        pass
