"""
The files that an engine loads from a mounted folder, verified before the first byte of them is interpreted.

A pickle is a program, so a file is trusted by its SHA-256 alone: the one that weights.json ships or, where none is
known, the one that `inv weights --record` has written into the folder's weights.lock.json. What was hashed stays open
and is what gets loaded: a file that is replaced in between is never seen.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pose.errors import ConfigurationError

MANIFEST = Path(__file__).with_name("weights.json")
LOCK_NAME = "weights.lock.json"
SCHEMA = 1

_CHUNK_BYTES = 4 * 1024 * 1024
_HASH_THREADS = 4  # more than the two large files there are gains nothing
_SHA256 = re.compile(r"[0-9a-f]{64}")  # 8601bc52000c8a87960f3db6a9672596c5e06ce33bc30a3b8f96a96efe42ae60
_GET_IT = "put it there, then check with `inv weights`"
_RECORD_IT = "if it is the file you mean to use, `inv weights --record` records it as it is"
_CHANGED = f"get it again; or, if you changed it, delete its entry in {LOCK_NAME} and run `inv weights --record`"

log = logging.getLogger("pose.weights")


@dataclass(frozen=True)
class WeightFile:
    """One file an engine needs; `path` is relative to the folder. None: not known to the manifest."""

    path: str
    what: str
    size_bytes: int | None
    sha256: str | None
    origin: str
    licence: str


@dataclass(frozen=True)
class Recorded:
    """Size and hash of a file as the lock has them."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Problem:
    """Why one file cannot be used, and what to do about it."""

    path: str
    wrong: str
    origin: str
    then: str


@dataclass(frozen=True)
class _Opened:
    """A regular file, open, with what it must turn out to be."""

    file: WeightFile
    stream: BinaryIO
    sha256: str
    recorded: bool


class Weights:
    """The verified files, open for reading."""

    def __init__(self, folder: Path, opened: Sequence[_Opened]) -> None:
        self._folder = folder
        self._streams = {one.file.path: one.stream for one in opened}
        self._seen = {path: _identity(stream) for path, stream in self._streams.items()}

    def open(self, path: str) -> BinaryIO:
        """The file at its beginning; it is closed by whoever verified it."""
        stream = self._streams[path]
        stream.seek(0)
        return stream

    def require_unchanged(self) -> None:
        """
        Look again whether somebody has written into an open file.

        Raises:
            ConfigurationError: size or modification time differ from those before the hashing.
        """
        changed = [path for path, stream in self._streams.items() if _identity(stream) != self._seen[path]]
        if changed:
            raise ConfigurationError(f"{', '.join(changed)} in {self._folder} changed while being loaded. Start again.")


def load_manifest(path: Path = MANIFEST) -> list[WeightFile]:
    """
    Read a list of files in the form of weights.json.

    Raises:
        ConfigurationError: not such a list.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']} is not {SCHEMA}")
        return [
            WeightFile(
                path=entry["path"],
                what=entry["what"],
                size_bytes=entry["size_bytes"],
                sha256=entry["sha256"],
                origin=entry["from"],
                licence=entry["licence"],
            )
            for entry in document["files"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no list of weight files: {type(error).__name__}: {error}") from error


def load_lock(folder: Path) -> dict[str, Recorded]:
    """
    Read what `inv weights --record` has recorded; empty where nothing was.

    Raises:
        ConfigurationError: the file is there and cannot be understood.
    """
    try:
        text = (folder / LOCK_NAME).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}") from error
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is {document['schema']!r}, not {SCHEMA}")
        return {path: _recorded(path, entry) for path, entry in document["files"].items()}
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"is not JSON: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"is no record of weight files: {type(error).__name__}: {error}") from error


def _recorded(path: str, entry: dict[str, Any]) -> Recorded:
    size_bytes, sha256 = entry["size_bytes"], entry["sha256"]
    if type(size_bytes) is not int or type(sha256) is not str or not _SHA256.fullmatch(sha256):
        raise ValueError(f"no size and SHA-256 for {path}")
    return Recorded(size_bytes, sha256)


@contextmanager
def verified(folder: Path, files: Sequence[WeightFile]) -> Iterator[Weights]:
    """
    Verify every file, then keep them open for as long as the block runs.

    Raises:
        ConfigurationError: one message with every problem; or, at the end, a file was written to while it was loaded.
    """
    started = time.perf_counter()
    with ExitStack() as stack:
        opened, problems = _open_all(folder, files, stack)
        weights = Weights(folder, opened)
        problems += _hash_all(opened)
        if problems:
            raise ConfigurationError(_told(folder, files, problems))
        size_gb = sum(os.fstat(one.stream.fileno()).st_size for one in opened) / 1e9
        took_s = time.perf_counter() - started
        log.info("verified %d weight files, %.2f GB, in %s: %.1f s", len(opened), size_gb, folder, took_s)
        yield weights
        weights.require_unchanged()


def _open_all(folder: Path, files: Sequence[WeightFile], stack: ExitStack) -> tuple[list[_Opened], list[Problem]]:
    opened: list[_Opened] = []
    problems: list[Problem] = []
    lock: dict[str, Recorded] | None = None
    try:
        lock = load_lock(folder)
    except ConfigurationError as error:
        problems.append(Problem(LOCK_NAME, str(error), "made on your machine", "make it anew: `inv weights --record`"))
    for file in files:
        found = _open_one(folder, file, lock, stack)
        if isinstance(found, Problem):
            problems.append(found)
        elif found:
            opened.append(found)
    return opened, problems


def _open_one(
    folder: Path, file: WeightFile, lock: dict[str, Recorded] | None, stack: ExitStack
) -> _Opened | Problem | None:
    """The file, open; or why it cannot be used; or None where only the unreadable lock could say."""
    try:
        stream = stack.enter_context(_open_regular(folder, file.path))
    except _Unusable as error:
        return Problem(file.path, str(error), file.origin, _GET_IT)
    recorded = None if file.sha256 or lock is None else lock.get(file.path)
    size_bytes = os.fstat(stream.fileno()).st_size
    if file.size_bytes not in (None, size_bytes):
        wrong = f"has {size_bytes} bytes instead of {file.size_bytes}"
        return Problem(file.path, wrong, file.origin, f"a download that broke off? Get it again, {_GET_IT}")
    if recorded and recorded.size_bytes != size_bytes:
        wrong = f"has {size_bytes} bytes, recorded are {recorded.size_bytes}"
        return Problem(file.path, wrong, file.origin, _CHANGED)
    sha256 = file.sha256 or (recorded and recorded.sha256)
    if sha256:
        return _Opened(file, stream, sha256, recorded=recorded is not None)
    if lock is None:
        return None
    return Problem(file.path, "is there, but nothing says which SHA-256 it must have", file.origin, _RECORD_IT)


class _Unusable(Exception):  # it never leaves this module
    """What is wrong with a file, said so that its path can stand before it."""


def _open_regular(folder: Path, path: str) -> BinaryIO:
    """
    Open a file whose name is spelled exactly so and which is, or links to, a regular one.

    Raises:
        _Unusable: it is not.
    """
    at = folder
    for part in path.split("/"):
        _require_entry(at, part)
        at = at / part
    try:
        # Not blocking: opening a pipe would wait for a writer.
        descriptor = os.open(at, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            raise _Unusable("is a link to nothing; a link out of a mounted folder leads nowhere") from error
        user = os.getuid()
        raise _Unusable(f"cannot be read by user {user} ({os.strerror(error.errno or 0)})") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise _Unusable("is a folder, not a file" if stat.S_ISDIR(mode) else "is not a regular file")
    return os.fdopen(descriptor, "rb", buffering=_CHUNK_BYTES)


def _require_entry(folder: Path, name: str) -> None:
    """Look a name up in its folder's list, which tells cases apart where the file system itself does not."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except PermissionError as error:
        raise _Unusable(f"cannot be reached by user {os.getuid()}: {folder} may not be listed") from error
    except OSError:
        names = []
    if name in names:
        return
    other = next((entry for entry in names if entry.casefold() == name.casefold()), None)
    raise _Unusable(
        f"is missing; {other!r} there differs in upper and lower case from {name!r}" if other else "is missing"
    )


def _hash_all(opened: Sequence[_Opened]) -> list[Problem]:
    """Hash in threads; hashlib and reading release the interpreter's lock."""
    with ThreadPoolExecutor(_HASH_THREADS) as threads:
        problems = threads.map(_compared, opened)
        return [problem for problem in problems if problem]


def _compared(one: _Opened) -> Problem | None:
    sha256 = _hashed(one.stream)
    return None if sha256 == one.sha256 else _differs(one, sha256)


def _hashed(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    chunk = memoryview(bytearray(_CHUNK_BYTES))
    while size := stream.readinto(chunk):  # type: ignore[attr-defined]  # a file on disk always has it
        digest.update(chunk[:size])
    return digest.hexdigest()


def _differs(one: _Opened, sha256: str) -> Problem:
    if one.recorded:
        return Problem(one.file.path, f"has SHA-256 {sha256}, recorded is {one.sha256}", one.file.origin, _CHANGED)
    wrong = f"has SHA-256 {sha256} instead of {one.sha256}"
    return Problem(one.file.path, wrong, one.file.origin, f"do not use this file; get it again, {_GET_IT}")


def _told(folder: Path, files: Sequence[WeightFile], problems: Sequence[Problem]) -> str:
    where = str(folder) if folder.is_dir() else f"{folder}, a folder that does not exist: mount it"
    lines = [f"{len(problems)} problem(s) with the {len(files)} weight files in {where}. Nothing was loaded."]
    for problem in problems:
        lines += [f"- {problem.path} {problem.wrong}", f"    from: {problem.origin}", f"    next: {problem.then}"]
    lines.append("`inv weights` shows the state of every file; `inv weights --record` records those you have checked.")
    return "\n".join(lines)


def _identity(stream: BinaryIO) -> tuple[int, int, int, int]:
    status = os.fstat(stream.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
