"""A build context: the files BuildKit would send, after the ignore file, with their digests."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from layerproof.errors import ConfigError


@dataclass(frozen=True)
class ContextFile:
    """One file of a context; `path` is relative and uses `/`. A link's digest is that of its target's name."""

    path: str
    mode: int
    digest: str


def ignore_file_of(dockerfile: Path, context: Path) -> Path | None:
    """The ignore file that holds: `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore`."""
    for path in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
        if path.is_file():
            return path
    return None


def parse_ignore(text: str) -> tuple[str, ...]:
    """
    The patterns of an ignore file, cleaned as BuildKit cleans them.

    Source: moby/patternmatcher ignorefile/ignorefile.go (comments, byte order mark, leading slash, `./`).
    """
    patterns = []
    for line in text.removeprefix("\ufeff").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        pattern = line.strip()
        negated = pattern.startswith("!")
        path = os.path.normpath(pattern.lstrip("!").strip()) if pattern != "!" else ""
        path = path.lstrip("/") if len(path) > 1 else path
        patterns.append(f"!{path}" if negated else path)
    return tuple(pattern for pattern in patterns if pattern not in ("", ".", "!"))


def load_context(context: Path, *, dockerfile: Path) -> tuple[ContextFile, ...]:
    """
    The files of a context, sorted by path; folders count only through their files.

    Raises:
        ConfigError: the context is no folder, or a file in it cannot be read.
    """
    if not context.is_dir():
        raise ConfigError(f"{context}: the build context is no folder", hint="Check build.context in the compose file.")
    ignore = ignore_file_of(dockerfile, context)
    try:
        patterns = parse_ignore(ignore.read_text(encoding="utf-8")) if ignore else ()
        return tuple(sorted(_files(context, patterns), key=lambda file: file.path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{context}: the build context cannot be read: {error}", hint="Check its permissions."
        ) from error


def ignorer(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """A function that tells whether a path, relative and with `/`, is kept out of the context by these patterns."""
    from docker.utils.build import PatternMatcher

    matcher = PatternMatcher(list(patterns))
    return lambda path: bool(matcher.matches(path))


def _files(context: Path, patterns: tuple[str, ...]) -> Iterator[ContextFile]:
    ignored = ignorer(patterns)
    # Only an exception can bring back a file below an ignored folder; without one, whole folders are skipped.
    has_exceptions = any(pattern.startswith("!") for pattern in patterns)
    for folder, folders, names in os.walk(context):
        below = os.path.relpath(folder, context).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = [
            name for name in folders if name not in links and (has_exceptions or not ignored(f"{prefix}{name}"))
        ]
        for name in (*names, *links):
            if not ignored(f"{prefix}{name}"):
                yield _file(Path(folder, name), f"{prefix}{name}")


def _file(path: Path, relative: str) -> ContextFile:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return ContextFile(relative, 0o777, hashlib.sha256(os.fsencode(path.readlink())).hexdigest())
    if not stat.S_ISREG(status.st_mode):
        return ContextFile(relative, stat.S_IMODE(status.st_mode), "special")
    with path.open("rb") as stream:
        return ContextFile(relative, stat.S_IMODE(status.st_mode), _digest(stream))


def _digest(stream: object) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):  # type: ignore[attr-defined]  # an open binary file
        digest.update(chunk)
    return digest.hexdigest()
