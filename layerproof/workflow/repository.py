"""The folders of a repository as the starters see them: their files, without what tools have made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from layerproof.starters import Folder
from layerproof.starters.detect import is_manifest_of_service

MAX_FILES = 5000
MAX_BYTES = 8 << 20
MAX_DEPTH = 3
# Folders of dependencies, of output, of tools.
_MADE = re.compile(
    r"node_modules$|__pycache__$|\.(?!mvn$|yarn$|config$)|venv$|env$|target$|dist$|coverage$|site-packages$|bower_components$|obj$"
)
# Folders in which a manifest is no service's.
_NO_SERVICE = re.compile(
    r"tests?$|testing$|e2e$|examples?$|samples?$|fixtures$|testdata$|docs?$|vendor$|third_party$|build$", re.IGNORECASE
)


class Repository:
    """Reads folders below a root; links are not followed, and what cannot be read is remembered."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.unreadable: dict[Path, str] = {}
        self.links: set[Path] = set()

    def folder(self, path: Path) -> Folder:
        """A folder with its files, and those around it up to the root."""
        above = []
        for parent in path.parents if path != self._root else ():
            if parent != self._root and self._root not in parent.parents:
                break
            above.append(self._view(parent, self._here(parent)))
        return self._view(path, tuple(sorted(self._below(path))), tuple(above))

    def candidates(self) -> Iterator[Path]:
        """Folders with a manifest or a Dockerfile, the root first, then by path."""
        yield from self._candidates(self._root, 0)

    def _candidates(self, folder: Path, depth: int) -> Iterator[Path]:
        names = self._here(folder)
        if any(is_manifest_of_service(name) or name == "Dockerfile" for name in names):
            yield folder
        for name in sorted(self._folders(folder)) if depth < MAX_DEPTH else ():
            if not _MADE.match(name) and not _NO_SERVICE.match(name):
                yield from self._candidates(folder / name, depth + 1)

    def _view(self, path: Path, files: tuple[str, ...], above: tuple[Folder, ...] = ()) -> Folder:
        texts: dict[str, str] = {}

        def read(name: str) -> str:
            if name not in texts:
                texts[name] = self._read(path / name) if name else ""
            return texts[name]

        return Folder(path.name, files, read, above)

    def _read(self, path: Path) -> str:
        try:
            if not path.is_file() or path.stat().st_size > MAX_BYTES:
                return ""
            return path.read_text(encoding="utf-8-sig", errors="replace")
        except OSError as error:
            self.unreadable[path] = error.strerror or str(error)
            return ""

    def _here(self, folder: Path) -> tuple[str, ...]:
        try:
            return tuple(sorted(entry.name for entry in os.scandir(folder) if self._is_own_file(entry, folder)))
        except OSError:
            return ()

    def _folders(self, folder: Path) -> tuple[str, ...]:
        try:
            return tuple(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            return ()

    def _below(self, top: Path) -> Iterator[str]:
        count = 0
        for folder, folders, _ in os.walk(top):
            folders[:] = sorted(name for name in folders if not _MADE.match(name))
            inner = os.path.relpath(folder, top)
            for name in self._here(Path(folder)):
                count += 1
                if count > MAX_FILES:
                    return
                yield name if inner == "." else f"{inner}/{name}"

    def _is_own_file(self, entry: os.DirEntry[str], folder: Path) -> bool:
        if not entry.is_symlink():
            return entry.is_file()
        # BuildKit sends a link as it is: what it leads to has to be in the same folder to be there.
        target = Path(entry.path).resolve()
        if folder.resolve() in target.parents and target.is_file():
            return True
        self.links.add(Path(entry.path))
        return False
