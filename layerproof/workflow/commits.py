"""A commit of the project's repository: its files in a folder of their own, and the project as it was then."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from layerproof import graph
from layerproof.compose_files import read_dotenv
from layerproof.context import ContextFile
from layerproof.digests import LINK
from layerproof.engine import Engine, ImageInfo, process
from layerproof.errors import ConfigError, UsageError
from layerproof.evidence import Evidence, Listing
from layerproof.model import Project
from layerproof.roots import naming_files
from layerproof.workflow.evidence import Gatherer
from layerproof.workflow.load import load

# Without what a hook sets: it would be another repository.
_GIT = ("env", "--unset=GIT_DIR", "--unset=GIT_WORK_TREE", "--unset=GIT_PREFIX", "git")
# Git knows of no other permissions.
_EXECUTABLE, _PLAIN = 0o755, 0o644


def load_tree(project: Project, root: Path, *, engine: Engine, environment: Mapping[str, str]) -> Project:
    """
    The project as the tree of a commit has it.

    Raises:
        ConfigError: it cannot be read, or it leads back to the working tree by an absolute path.
    """
    top, tree = _tops(project.root, root)
    _bring_what_git_ignores(project, root, top)
    names = _moved_environment(project, environment, root)
    there = load(root, engine=engine, environment=names, profile=project.profile)
    for image in there.images:
        for path in (image.context, image.dockerfile.path):
            if path.is_relative_to(top) and not path.is_relative_to(tree):
                raise ConfigError(
                    f"{image.name} is built from {path} whatever the commit: the compose file has an absolute path",
                    hint="Name it relative to the compose file.",
                )
    return there


def _moved_environment(project: Project, environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """The environment in the tree of a commit: compose files that it names are those of the tree."""
    moved = {**environment, "COMPOSE_PROJECT_NAME": project.name, "PWD": str(root)}
    if environment.get("COMPOSE_FILE") or read_dotenv(project.root).get("COMPOSE_FILE"):
        return naming_files(moved, project.compose_files, root=project.root)
    return moved


def evidence_of(there: Project, local: Mapping[str, ImageInfo], *, home: Path, like: Gatherer) -> dict[str, Evidence]:
    """What goes into the images of such a project, with its folders called as they are in the working tree `home`."""
    evidence = Gatherer(there, like=like).gather(graph.build_order(there.images), local)[0]
    top, tree = _tops(home, there.root)
    return {name: _moved(item, tree, top) for name, item in as_git_has_it(evidence).items()}


def merge_base(root: Path, commit: str) -> str:
    """Where this tree and a commit parted; the commit itself where that is not known, as in a shallow clone."""
    found = process.run([*_GIT, "-C", str(root), "merge-base", "--end-of-options", "HEAD", commit])
    return found.stdout.strip() if found.returncode == 0 else commit


def _bring_what_git_ignores(project: Project, root: Path, top: Path) -> None:
    """The values of `.env`, and named contexts such as a folder of sources: git has none of them, a build does."""
    contexts = [Path(value) for image in project.images for value in image.contexts.values() if value.startswith("/")]
    for path in (project.root / ".env", *contexts):
        if path.exists() and path.is_relative_to(top):
            there = Path(os.path.normpath(root / os.path.relpath(path, project.root)))
            if not there.exists() and there.parent.is_dir():
                # A context that has the file lists it: as the file that it is, not as a link.
                if path.is_file():
                    shutil.copy2(path, there)
                else:
                    there.symlink_to(path)


def _moved(evidence: Evidence, root: Path, home: Path) -> Evidence:
    def at(path: Path) -> Path:
        return home / path.relative_to(root) if path.is_relative_to(root) else path

    image = evidence.image
    contexts = {
        name: str(at(Path(value))) if Path(value).is_absolute() else value for name, value in image.contexts.items()
    }
    dockerfile = replace(image.dockerfile, path=at(image.dockerfile.path))
    moved = replace(image, context=at(image.context), contexts=contexts, dockerfile=dockerfile)
    return replace(evidence, image=moved)


def as_git_has_it(evidence: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """The same files with the permissions that git keeps, and without what it does not keep."""
    return {
        name: replace(
            item,
            files=None if item.files is None else _plain(item.files),
            named={context: _plain(files) for context, files in item.named.items()},
        )
        for name, item in evidence.items()
    }


def _plain(files: Listing) -> Listing:
    """Files with the permissions that git keeps: executable or not. It keeps no empty folders, and not itself."""
    kept = (file for file in files if not file.path.endswith("/") and ".git" not in file.path.split("/"))
    return tuple(_with_plain_mode(file) for file in kept)


def _with_plain_mode(file: ContextFile) -> ContextFile:
    if file.digest.startswith(LINK):
        return file
    return file._replace(mode=_EXECUTABLE if file.mode & 0o100 else _PLAIN)


@contextmanager
def tree_of(root: Path, commit: str) -> Iterator[Path]:
    """
    A commit's files in a folder of their own, as a checkout would write them; gone at the end.

    Raises:
        UsageError: there is no such commit, or no repository; ConfigError: the commit has no such folder.
    """
    top = _top(root)
    words = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"]
    found = process.run([*_GIT, "-C", str(root), *words])
    if found.returncode != 0:
        hint = "Name a commit, a tag or a branch."
        if _git(root, "rev-parse", "--is-shallow-repository") == "true":
            hint += " This clone is shallow: fetch more of it, as with `fetch-depth: 0` in GitHub's checkout."
        raise UsageError(f"there is no commit {commit!r} in {top}", hint=hint)
    with tempfile.TemporaryDirectory(prefix="layerproof-") as folder:
        tree = Path(folder, "tree")
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        _git(top, "read-tree", found.stdout.strip(), environment=index)
        # Unlike `git archive` it leaves nothing out that has export-ignore.
        _git(top, "checkout-index", "--all", "--quiet", f"--prefix={tree}/", environment=index)
        below = tree / root.resolve().relative_to(top)
        if not below.is_dir():
            raise ConfigError(f"{commit} has no folder {below.relative_to(tree)}", hint="Name a later commit.")
        yield below.resolve()


def _tops(home: Path, root: Path) -> tuple[Path, Path]:
    """The top of the repository that a folder is in, and that of a tree in which the same folder is `root`."""
    top = _top(home)
    below = home.resolve().relative_to(top)
    return top, Path(*root.parts[: len(root.parts) - len(below.parts)])


def _top(folder: Path) -> Path:
    """
    The top of a folder's repository.

    Raises:
        UsageError: it is in none.
    """
    return Path(_git(folder, "rev-parse", "--show-toplevel", hint="Run it in a git repository.")).resolve()


def _git(folder: Path, *words: str, hint: str = "", environment: Mapping[str, str] | None = None) -> str:
    done = process.run([*_GIT, "-C", str(folder), *words], environment=environment or {})
    if done.returncode == 127:
        raise ConfigError("git is not installed", hint="Install git.")
    if done.returncode != 0:
        raise UsageError(f"git {' '.join(words)}: {done.tail(1)}", hint=hint)
    return done.stdout.strip()
