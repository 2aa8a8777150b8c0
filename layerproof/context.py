"""A build context: the files BuildKit would send, after the ignore file, with their digests."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from layerproof.digests import DigestIndex, uncollected
from layerproof.errors import ConfigError
from layerproof.paths import is_regular_file


class ContextFile(NamedTuple):
    """
    One file of a context; `path` is relative and uses `/`. In the place of a link's digest is what it leads to.

    A folder that holds nothing stands for itself: its path ends with `/`, its mode is 0 (BuildKit does not look at it).
    """

    path: str
    mode: int
    digest: str
    size_bytes: int = 0


def ignore_file_of(dockerfile: Path | None, context: Path) -> Path | None:
    """
    The ignore file that holds: `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore`. A named
    context, which has no Dockerfile (None), has the second only.

    Source: moby/buildkit, frontend/dockerui (context.go, namedcontext.go).
    """
    own = (dockerfile.with_name(f"{dockerfile.name}.dockerignore"),) if dockerfile else ()
    return next((path for path in (*own, context / ".dockerignore") if is_regular_file(path)), None)


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
        # BuildKit cleans an exception once more as a whole, so that `!../a` becomes `a`, which is none.
        patterns.append(os.path.normpath(f"!{path}") if negated else path)
    return tuple(pattern for pattern in patterns if pattern not in ("", "."))


def load_context(
    context: Path, *, dockerfile: Path | None, index: DigestIndex | None = None
) -> tuple[ContextFile, ...]:
    """
    The files of a context, sorted by path; folders count through their files, or as themselves where they have none.

    Args:
        index: digests known from an earlier look; those of this one are entered.

    Raises:
        ConfigError: the context is no folder, or a file in it cannot be read.
    """
    index = index if index is not None else DigestIndex()
    with _told(context, dockerfile) as patterns, uncollected():
        described = index.describe(str(context), _paths(context, patterns, with_status=True))
        return tuple(sorted(map(ContextFile._make, described)))


def list_context(context: Path, *, dockerfile: Path | None) -> tuple[str, ...]:
    """
    The paths of a context's files, sorted; a folder that holds nothing is listed itself and ends with `/`.

    Raises:
        ConfigError: the context is no folder, or cannot be listed.
    """
    with _told(context, dockerfile) as patterns:
        return tuple(sorted(path for path, _ in _paths(context, patterns, with_status=False)))


@contextmanager
def _told(context: Path, dockerfile: Path | None) -> Iterator[tuple[str, ...]]:
    """The patterns of the ignore file; what goes wrong with it or with the files is told with where that is."""
    if not context.is_dir():
        raise ConfigError(f"{context}: the build context is no folder", hint="Check build.context in the compose file.")
    ignore = ignore_file_of(dockerfile, context)
    try:
        yield parse_ignore(ignore.read_text(encoding="utf-8")) if ignore else ()
    except ConfigError as error:
        raise ConfigError(f"{ignore}: {error.message}", hint=error.hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(context, error) from error


def _unreadable(context: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{context}: the build context cannot be read: {error}", hint="Check its permissions.")


def ignorer(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """
    A function that tells whether a path, relative and with `/`, is kept out of the context by these patterns.

    The last pattern that matches the path or a folder above it decides, but for patterns that changed nothing there.
    docker-py's matcher is not used: it looks at one folder only, so `**/node_modules` beside an exception lets deep
    files through (docs/decisions/0004).

    Raises:
        ConfigError: a pattern that BuildKit refuses as well.

    Source: moby/patternmatcher (MatchesOrParentMatches), which BuildKit uses.
    """
    rules = _Rules(patterns)

    def ignored(path: str) -> bool:
        verdict, end = _AT_ROOT, -1
        while end < len(path):
            end = path.find("/", end + 1)
            end = len(path) if end < 0 else end
            verdict = rules.judge(path[:end], verdict)
        return verdict.ignored

    return ignored


class _Verdict(NamedTuple):
    """Whether a path is kept out, and which patterns have matched it or a folder above it, as bits."""

    ignored: bool
    matched: int


_AT_ROOT = _Verdict(ignored=False, matched=0)
_IGNORED, _KEPT = _Verdict(ignored=True, matched=0), _AT_ROOT


class _Rules:
    """
    The patterns of an ignore file. Each path is judged after the folder it is in.

    Source: moby/patternmatcher, MatchesUsingParentResults.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.has_exceptions = any(pattern.startswith("!") for pattern in patterns)
        self._names: set[str] = set()
        suffixes: list[str] = []
        self._rules: list[tuple[int, bool, re.Pattern[str]]] = []
        for n, pattern in enumerate(patterns):
            # **/node_modules, **/*.log: looked up, where the order of patterns does not matter
            found = None if self.has_exceptions else re.fullmatch(r"\*\*/(\*(?=\.))?([^*?\[\]\\/]+)", pattern)
            if found and found[1]:
                suffixes.append(found[2])
            elif found:
                self._names.add(found[2])
            elif pattern == "!":
                raise ConfigError(
                    "the ignore pattern `!` makes an exception of nothing",
                    hint="Mend it; BuildKit refuses it as well.",
                )
            else:
                self._rules.append((1 << n, not pattern.startswith("!"), _pattern(pattern.removeprefix("!"))))
        self._suffixes = tuple(suffixes)
        one = "|".join(f"(?:{expression.pattern})" for _, _, expression in self._rules)
        self._others = re.compile(one, re.DOTALL) if one else None

    def judge(self, path: str, above: _Verdict) -> _Verdict:
        """What becomes of a path in a folder of which `above` is known."""
        if self.has_exceptions:
            return self._in_order(path, above)
        if above.ignored:
            return _IGNORED
        name = path[path.rfind("/") + 1 :]
        if name in self._names or name.endswith(self._suffixes):
            return _IGNORED
        return _IGNORED if self._others and self._others.fullmatch(path) else _KEPT

    def _in_order(self, path: str, above: _Verdict) -> _Verdict:
        """A pattern that would change nothing is not looked at, so a folder that it matches does not count either."""
        ignored, matched = False, 0
        for bit, ignores, expression in self._rules:
            if above.matched & bit or (ignores != ignored and expression.fullmatch(path)):
                matched |= bit
                ignored = ignores
        return _Verdict(ignored, matched)


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
    if token.startswith("\\") and token[1:].isalnum():
        # What the regular expressions of Go make of it: a bell, a digit, ...; of other letters an error.
        known = {"z": r"\Z"} | {letter: f"\\{letter}" for letter in "afnrtvAbBdDsSwW"}
        if token[1] not in known:
            raise re.error(f"unknown escape {token}")
        return f"(?a:{known[token[1]]})"
    return re.escape(token[1:] if token.startswith("\\") and len(token) > 1 else token)


def _paths(
    context: Path, patterns: tuple[str, ...], *, with_status: bool
) -> Iterator[tuple[str, os.stat_result | None]]:
    rules = _Rules(patterns)
    judge, has_exceptions = rules.judge, rules.has_exceptions
    kept_folders, filled = set[str](), set[str]()
    waiting = [("", _AT_ROOT)]
    while waiting:
        prefix, above = waiting.pop()
        has_file = False
        with _opened(f"{context}/{prefix}", may_be_closed=above.ignored) as entries:
            for entry in entries:
                path = prefix + entry.name
                verdict = judge(path, above)
                if not entry.is_dir(follow_symlinks=False):
                    if not verdict.ignored:
                        try:
                            status = entry.stat(follow_symlinks=False) if with_status else None
                        except FileNotFoundError:
                            continue  # an editor's temporary file, gone since the folder was opened
                        has_file = True
                        yield path, status
                    continue
                if not verdict.ignored:
                    kept_folders.add(path)
                # Only an exception can bring back a file below an ignored folder.
                if not verdict.ignored or has_exceptions:
                    waiting.append((f"{path}/", verdict))
        if has_file:
            filled.update(_folders_above(prefix))
    for path in kept_folders:
        filled.update(_folders_above(path))
    yield from ((f"{path}/", None) for path in kept_folders - filled)


@contextmanager
def _opened(folder: str, *, may_be_closed: bool) -> Iterator[Iterator[os.DirEntry[str]]]:
    """
    The entries of a folder, by its descriptor: each `stat` looks up a name only, not the whole path again.

    Args:
        may_be_closed: one that this user may not read has none, as for BuildKit where an ignore file keeps it out.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        if not may_be_closed:
            raise
        yield iter(())
        return
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def _folders_above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
