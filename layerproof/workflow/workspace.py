"""
A copy of the build contexts that a proof may edit. It is made of links, so it costs next to nothing, and an edited file
gets a new inode first, so the real one never changes.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from layerproof.context import ignore_file_of, list_context
from layerproof.errors import ProofError
from layerproof.model import Image, Project
from layerproof.paths import STATE_FOLDER
from layerproof.prove.edits import Edit

# Another file system, too many links, a file of another user.
_HOME_ATTEMPTS = 10
# The name of a copy: 32 hexadecimal digits.
_COPY = re.compile(r"[0-9a-f]{32}")
_COPY_INSTEAD = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP)
# A checkout that is mounted read-only.
_ELSEWHERE = (errno.EROFS, errno.EACCES)


class Workspace(Struct, frozen=True):
    """
    Attributes:
        root: where the copy is.
        kept: where the files lie that an edit has replaced, outside every build context.
        common: the folder that it is a copy of; whatever lies below it keeps its place.
        files: by folder and ignore file, the files of each build context that get past it.
    """

    root: Path
    kept: Path
    common: Path
    files: Mapping[tuple[Path, Path | None], tuple[str, ...]]

    def files_of(self, image: Image) -> dict[Path, tuple[str, ...]]:
        """The folders that an image can take files from, with what its ignore files let in."""
        return {folder: self.files[folder, ignore_file_of(file, folder)] for folder, file in _contexts(image)}

    def at(self, path: Path) -> Path:
        """Where a file of the real tree is in the copy."""
        return self.root / path.relative_to(self.common)

    def moved(self, image: Image) -> Image:
        """The image as it is built from the copy."""
        contexts = {
            name: str(self.at(Path(value))) if Path(value).is_dir() else value for name, value in image.contexts.items()
        }
        path = image.dockerfile.path if image.inline else self.at(image.dockerfile.path)
        return replace(
            image, context=self.at(image.context), contexts=contexts, dockerfile=replace(image.dockerfile, path=path)
        )

    @contextmanager
    def edited(self, edits: Sequence[Edit]) -> Iterator[None]:
        """
        The copy with some edits, and as it was afterwards.

        Raises:
            ProofError: an edit cannot be written, for example because the disk is full.
        """
        with ExitStack() as undo:
            try:
                for edit in edits:
                    if not self._leads_out(self.at(edit.path)):
                        self._edit(edit, undo)
            except OSError as error:
                raise _no_copy(self.root, error) from error
            yield

    def _leads_out(self, path: Path) -> bool:
        """A folder that is a link leads into the real tree: nothing is written through it."""
        return any(
            folder.is_symlink() or folder.is_file() for folder in path.parents if folder.is_relative_to(self.root)
        )

    def _edit(self, edit: Edit, undo: ExitStack) -> None:
        path = self.at(edit.path)
        if not Path(os.path.normpath(path)).is_relative_to(self.root):
            raise OSError(errno.EINVAL, "it lies outside of the copy", str(edit.path))
        existing = next(folder for folder in path.parents if folder.exists())
        undo.callback(_set_times, existing, existing.stat())
        for folder in _make_folders(path.parent):
            undo.callback(folder.rmdir)
        undo.callback(_set_times, path.parent, path.parent.stat())
        kept = self.kept / uuid.uuid4().hex
        if os.path.lexists(path):
            path.rename(kept)
            undo.callback(kept.rename, path)
        undo.callback(path.unlink, missing_ok=True)
        before = kept if kept.is_file() else edit.path if edit.path.is_file() else None
        if edit.kind == "touch":
            shutil.copy2(kept, path)
            os.utime(path)
        else:
            content = before.read_bytes() if before and edit.kind == "append" else b""
            gap = b"\n" if content and not content.endswith(b"\n") else b""
            path.write_bytes(content + gap + edit.data)
            if before:
                shutil.copymode(before, path)


@contextmanager
def make_workspace(project: Project, images: Collection[Image]) -> Iterator[Workspace]:
    """
    Link the build contexts of some images into a new folder, and remove it however the proof ends.

    What an earlier proof could not remove, because it was killed, is removed first.

    Raises:
        ProofError: the copy cannot be made, for example because the disk is full.
        ConfigError: a build context cannot be read.
    """
    from filelock import FileLock

    contexts = {pair for image in images for pair in _contexts(image)}
    dockerfiles = [image.dockerfile.path for image in images if not image.inline]
    folders = {folder for folder, _ in contexts} | {path.parent for path in dockerfiles}
    common = Path(os.path.commonpath([project.root, *folders]))
    try:
        home = _home(project.root)
        _sweep(home)
        name = uuid.uuid4().hex
        # Held as long as this process lives, and made before the copy: a copy whose lock is free or gone is nobody's.
        lock = FileLock(home / f"{name}.lock")
        lock.acquire()
    except OSError as error:
        raise _no_copy(Path(error.filename or project.root / STATE_FOLDER), error) from error
    folder = home / name
    root, kept = folder / "copy", folder / "kept"
    try:
        try:
            files = _fill(root, common, contexts=contexts, dockerfiles=dockerfiles, project_root=project.root)
            kept.mkdir()
        except OSError as error:
            raise _no_copy(root, error) from error
        yield Workspace(root, kept, common, files)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
        with suppress(OSError):
            home.rmdir()  # unless another proof is at work in it
            (project.root / STATE_FOLDER).rmdir()  # unless it is in use: an empty folder would reach a build context


def _fill(
    root: Path,
    common: Path,
    *,
    contexts: Collection[tuple[Path, Path | None]],
    dockerfiles: Collection[Path],
    project_root: Path,
) -> dict[tuple[Path, Path | None], tuple[str, ...]]:
    """Make the copy; give the files of each context that get past its ignore file."""
    root.mkdir(parents=True)
    for path in dockerfiles:
        # First, and what they say: a link to elsewhere would lead nowhere in the copy.
        _link(path.resolve(), root / path.relative_to(common))
    files: dict[tuple[Path, Path | None], tuple[str, ...]] = {}
    for context, dockerfile in contexts:
        ignore = ignore_file_of(dockerfile, context)
        if (context, ignore) not in files:
            files[context, ignore] = _link_context(
                context, dockerfile, root=root, common=common, project_root=project_root
            )
    _copy_folder_modes(root, common)
    return files


def _contexts(image: Image) -> Iterator[tuple[Path, Path | None]]:
    """The build context of an image with its Dockerfile, and its named contexts that are folders here."""
    yield image.context, image.dockerfile.path
    for value in image.contexts.values():
        if Path(value).is_dir():
            yield Path(value), None


def _link_context(
    context: Path, dockerfile: Path | None, *, root: Path, common: Path, project_root: Path
) -> tuple[str, ...]:
    """Link what the ignore file of a Dockerfile lets through, and that file; give the paths of the files."""
    own = f"{os.path.relpath(project_root / STATE_FOLDER, context)}/"
    listed = [path for path in list_context(context, dockerfile=dockerfile) if not path.startswith(own)]
    ignore = ignore_file_of(dockerfile, context)
    if ignore is not None:
        _link(ignore, root / ignore.relative_to(common))
    for path in listed:
        target = root / (context / path).relative_to(common)
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            _link(context / path, target)
    return tuple(path for path in listed if not path.endswith("/"))


def _link(source: Path, target: Path) -> None:
    """A hard link, also of a symbolic link; a copy where none can be made. A file that has vanished is passed over."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        return
    except OSError as error:
        if error.errno not in _COPY_INSTEAD:
            raise
        if source.is_symlink() or source.is_file():
            shutil.copy2(source, target, follow_symlinks=False)


def _copy_folder_modes(root: Path, common: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        real = common / Path(folder).relative_to(root)
        if real.is_dir() and Path(folder) != root:
            shutil.copystat(real, folder)
            Path(folder).chmod(Path(folder).stat().st_mode | 0o700)


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing; the new ones, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
    return list(reversed(missing))


def _set_times(path: Path, status: os.stat_result) -> None:
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _home(root: Path) -> Path:
    """Beside the build records, where links are possible; a temporary folder where the checkout is read-only."""
    home = root / STATE_FOLDER / "proofs"
    for _ in range(_HOME_ATTEMPTS):
        try:
            home.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=home):
                return home
        except FileNotFoundError:
            continue  # another proof has just ended, and taken the empty folder with it
        except OSError as error:
            if error.errno not in _ELSEWHERE:
                raise
            break
    home = Path(tempfile.gettempdir(), f"layerproof-proofs-{os.getuid()}")
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != os.getuid():
        raise PermissionError(errno.EACCES, "it is not a folder of this user", str(home))
    return home


def _sweep(home: Path) -> None:
    """Remove the copies of proofs that were killed, and nothing that was not made here."""
    from filelock import FileLock, Timeout

    for path in home.glob("*"):
        if not _COPY.fullmatch(path.stem) or path.is_symlink():
            continue
        if path.suffix == ".lock":
            with suppress(Timeout, FileNotFoundError), FileLock(path, timeout=0):  # else a proof is at work
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
        elif path.is_dir() and not path.with_suffix(".lock").exists():
            shutil.rmtree(path, ignore_errors=True)


def _no_copy(where: Path, error: OSError) -> ProofError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "Free some space: inv cache, inv prune." if full else "Check the permissions of that folder."
    return ProofError(f"{where}: the copy for the proof cannot be made: {error.strerror or error}", hint=hint)
