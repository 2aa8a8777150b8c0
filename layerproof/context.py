"""A build context: the files BuildKit would send, after the ignore file, with their digests."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from layerproof.errors import ConfigError
from layerproof.paths import is_regular_file


@dataclass(frozen=True)
class ContextFile:
    """
    One file of a context; `path` is relative and uses `/`. A link's digest is that of its target's name.

    A folder that holds nothing stands for itself: its path ends with `/`, its mode is 0 (BuildKit does not look at it).
    """

    path: str
    mode: int
    digest: str


def ignore_file_of(dockerfile: Path, context: Path) -> Path | None:
    """The ignore file that holds: `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore`."""
    for path in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
        if is_regular_file(path):
            return path
    return None


def parse_ignore(text: str) -> tuple[str, ...]:
    """
    The patterns of an ignore file, cleaned as BuildKit cleans them.

    Source: moby/patternmatcher ignorefile/ignorefile.go (comments, byte order mark, leading slash, `./`).
    """
    patterns = []
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        pattern = line.strip()
        negated = pattern.startswith("!")
        path = os.path.normpath(pattern.removeprefix("!").strip()) if pattern != "!" else ""
        path = path.lstrip("/") if len(path) > 1 else path
        patterns.append(f"!{path}" if negated else path)
    return tuple(pattern for pattern in patterns if pattern not in ("", ".", "!"))


def load_context(context: Path, *, dockerfile: Path) -> tuple[ContextFile, ...]:
    """
    The files of a context, sorted by path; folders count through their files, or as themselves where they have none.

    Raises:
        ConfigError: the context is no folder, or a file in it cannot be read.
    """
    files = []
    for path in list_context(context, dockerfile=dockerfile):
        try:
            files.append(ContextFile(path, 0, "folder") if path.endswith("/") else _file(context / path, path))
        except FileNotFoundError:
            continue  # an editor's temporary file, gone since the folder was listed
        except OSError as error:
            raise _unreadable(context, error) from error
    return tuple(files)


def list_context(context: Path, *, dockerfile: Path) -> tuple[str, ...]:
    """
    The paths of a context's files, sorted; a folder that holds nothing is listed itself and ends with `/`.

    Raises:
        ConfigError: the context is no folder, or cannot be listed.
    """
    if not context.is_dir():
        raise ConfigError(f"{context}: the build context is no folder", hint="Check build.context in the compose file.")
    ignore = ignore_file_of(dockerfile, context)
    try:
        patterns = parse_ignore(ignore.read_text(encoding="utf-8")) if ignore else ()
        return tuple(sorted(_paths(context, patterns)))
    except ConfigError as error:
        raise ConfigError(f"{ignore}: {error.message}", hint=error.hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(context, error) from error


def _unreadable(context: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{context}: the build context cannot be read: {error}", hint="Check its permissions.")


def ignorer(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """
    A function that tells whether a path, relative and with `/`, is kept out of the context by these patterns.

    The last pattern that matches the path or a folder above it decides. docker-py's matcher is not used: it looks at
    one folder only, so `**/node_modules` beside an exception lets deep files through.

    Raises:
        ConfigError: a pattern that BuildKit refuses as well.

    Source: moby/patternmatcher (MatchesOrParentMatches), which BuildKit uses.
    """
    rules = [(not pattern.startswith("!"), _pattern(pattern.removeprefix("!"))) for pattern in patterns]

    def ignored(path: str) -> bool:
        parts = path.split("/")
        paths = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
        verdict = False
        for ignores, expression in rules:
            if ignores != verdict and any(expression.fullmatch(item) for item in paths):
                verdict = ignores
        return verdict

    return ignored


def _pattern(pattern: str) -> re.Pattern[str]:
    """One pattern as a regular expression for a whole path; `**` crosses folders, `*` and `?` do not."""
    if pattern.startswith("**") and not re.search(r"[*?\[\]\\]", pattern[2:]):
        # **/node_modules, **.log: whatever ends so
        tail = re.escape(pattern[2:])
        return re.compile(f"(?:.*{tail}|{tail[1:]})" if tail.startswith("/") else f".*{tail}", re.DOTALL)
    # **/ or ** at the end, ** elsewhere, *, ?, [a-z], an escaped character, any other character
    tokens = re.findall(r"\*\*/?\Z|\*\*/?|\*|\?|\[\^?\]?[^\]]*\]|\\.|.", pattern, re.DOTALL)
    try:
        return re.compile(
            "".join(_token(token, last=n == len(tokens) - 1) for n, token in enumerate(tokens)), re.DOTALL
        )
    except re.error as error:
        raise ConfigError(
            f"the ignore pattern {pattern!r} is not valid: {error}", hint="Mend it; BuildKit refuses it as well."
        ) from error


def _token(token: str, *, last: bool) -> str:
    if token.startswith("**"):
        return ".*" if last else "(?:.*/)?"
    if token in ("*", "?"):
        return {"*": "[^/]*", "?": "[^/]"}[token]
    if token.startswith("[") and len(token) > 1:
        # Python would warn about what other regular expression languages mean by these.
        return "[" + re.sub(r"([\[&|~])", r"\\\1", token[1:-1]) + "]"
    return re.escape(token[1:] if token.startswith("\\") and len(token) > 1 else token)


def _paths(context: Path, patterns: tuple[str, ...]) -> Iterator[str]:
    ignored = ignorer(patterns)
    # Only an exception can bring back a file below an ignored folder; without one, whole folders are skipped.
    has_exceptions = any(pattern.startswith("!") for pattern in patterns)
    kept_folders, filled = set[str](), set[str]()
    for folder, folders, names in os.walk(context, onerror=_raise):
        below = os.path.relpath(folder, context).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        links = [name for name in folders if Path(folder, name).is_symlink()]
        inside = {name: ignored(f"{prefix}{name}") for name in folders if name not in links}
        kept_folders.update(f"{prefix}{name}" for name, is_ignored in inside.items() if not is_ignored)
        folders[:] = [name for name, is_ignored in inside.items() if has_exceptions or not is_ignored]
        kept = [f"{prefix}{name}" for name in (*names, *links) if not ignored(f"{prefix}{name}")]
        if kept:
            filled.update(_folders_above(kept[0]))
        yield from kept
    for path in kept_folders:
        filled.update(_folders_above(path))
    yield from (f"{path}/" for path in kept_folders - filled)


def _raise(error: OSError) -> None:
    """os.walk passes over folders that it cannot read, unless it is told otherwise."""
    raise error


def _folders_above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


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
