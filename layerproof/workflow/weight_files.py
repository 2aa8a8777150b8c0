"""A weights folder on the disk: what lies in it, what its files hold, and its lock."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from layerproof.atomic import write_atomically
from layerproof.errors import ConfigError
from layerproof.weights import LOCK_NAME, Digest, Found, HashWatcher, Lock, parse_lock, render_lock

CHUNK_BYTES = 1024 * 1024
HASH_THREADS = 4

_READ_HINT = "Make it readable for you, or run the command as its owner."
WRITE_HINT = "Make the folder writable for you, or run the command as its owner; Docker makes a missing one as root."


def find(folder: Path, path: str) -> Found:
    """What lies at a path of the folder, links followed as the container can follow them."""
    there = folder / path
    try:
        status = there.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Found(obstacle="a link to nothing is there") if there.is_symlink() else Found()
    except PermissionError as error:
        raise ConfigError(f"{there}: cannot be read: {error.strerror}", hint=_READ_HINT) from error
    except OSError as error:
        return Found(obstacle=f"it cannot be followed: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        return Found(obstacle="a folder is there")
    if not stat.S_ISREG(status.st_mode):
        return Found(obstacle="something else than a regular file is there")
    if _leads_out(folder, path):
        return Found(obstacle="a link out of the folder is there, which the container cannot follow")
    return Found(status.st_size)


def read_digests(sizes: Mapping[Path, int], *, watcher: HashWatcher) -> dict[Path, Digest]:
    """
    Size and hash of each file; several are read at a time, and Ctrl-C ends all of them at once.

    Args:
        sizes: the files, and how large each is, by which progress is told.

    Raises:
        ConfigError: one cannot be read, or changes meanwhile.
    """
    if not sizes:
        return {}
    stop = threading.Event()
    try:
        watcher.started(list(sizes), size_bytes=sum(sizes.values()))
        with ThreadPoolExecutor(HASH_THREADS) as threads:
            try:
                found = [threads.submit(_digest, path, watcher, stop) for path in sizes]
                return {path: future.result() for path, future in zip(sizes, found, strict=True)}
            except BaseException:
                # The pool waits for its threads; without this, Ctrl-C would wait for gigabytes.
                stop.set()
                raise
    finally:
        watcher.finished()


def load_lock(folder: Path) -> dict[str, Digest]:
    """What was recorded in a weights folder; nothing where there is no lock yet."""
    path = folder / LOCK_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", hint="Make it a readable UTF-8 file.") from error
    return parse_lock(text, path=path)


def add_to_lock(folder: Path, entries: Lock) -> Lock:
    """
    Add entries to a folder's lock: whole or not at all; one that is there already stays as it is.

    Returns:
        The lock as it is then.

    Raises:
        ConfigError: the lock cannot be written, or what is there is broken.
    """
    path = folder / LOCK_NAME
    # Read again: hashing takes minutes, and somebody may have recorded other files meanwhile.
    lock = {**entries, **load_lock(folder)}
    text = render_lock(lock)
    try:
        # The container's user, who is another one, has to read it.
        write_atomically(path, text.encode(), mode=0o644)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}", hint=WRITE_HINT) from error
    return lock


def _leads_out(folder: Path, path: str) -> bool:
    """Whether a link on the way to a file that exists is absolute or goes outside: in the container it ends nowhere."""
    at, parts = folder, list(reversed(Path(path).parts))
    while parts:
        part = parts.pop()
        if part == "..":
            if at == folder:
                return True
            at = at.parent
        elif (at / part).is_symlink():
            target = (at / part).readlink()
            if target.is_absolute():
                return True
            parts += reversed(target.parts)
        else:
            at = at / part
    return False


def _digest(path: Path, watcher: HashWatcher, stop: threading.Event) -> Digest:
    digest, chunk, total = hashlib.sha256(), memoryview(bytearray(CHUNK_BYTES)), 0
    try:
        with path.open("rb", buffering=0) as stream:
            before = os.fstat(stream.fileno())
            while size := stream.readinto(chunk):
                if stop.is_set():
                    break
                digest.update(chunk[:size])
                total += size
                watcher.read(size)
            after = os.fstat(stream.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint=_READ_HINT) from error
    if not stop.is_set() and (before.st_mtime_ns, total) != (after.st_mtime_ns, after.st_size):
        raise ConfigError(f"{path}: changed while it was read", hint="Wait until its copy or download has ended.")
    return Digest(total, digest.hexdigest())
