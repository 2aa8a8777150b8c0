"""
Every build context has an ignore file that keeps out what no build should see.

node_modules, __pycache__, .git, .gitignore, .env, *.log, data/ and *.pkl change all the time and decide nothing; .env
holds secrets. What reaches the context can reach the image, and every change of it re-runs a `COPY . .`. A pattern
without `**/` holds at the top of the context only, which is enough for data/: a folder further down that is called so
is often source. Where the context has layerproof's own .layerproof/, that is one of them: every build writes there.

Bad:
    node_modules
    *.log

Good:
    **/node_modules
    **/__pycache__
    **/.git
    **/.gitignore
    **/.env
    **/*.log
    data/
    **/*.pkl

Fix: Add the missing patterns to the ignore file; `inv check --fix` does where it is safe.

Source: R8 (US-7).
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Sequence

from layerproof.context import ignorer
from layerproof.paths import STATE_FOLDER
from layerproof.policy import Breach, ContextSubject

# What the requirement names, and paths it must keep out: at the top, and below for what appears anywhere.
MANDATORY = {
    "node_modules": ("node_modules/a.js", "pkg/node_modules/a.js"),
    "__pycache__": ("__pycache__/a.pyc", "pkg/__pycache__/a.pyc"),
    ".git": (".git/config",),
    ".gitignore": (".gitignore",),
    ".env": (".env",),
    "*.log": ("app.log", "pkg/app.log"),
    "data/": ("data/a.bin",),
    "*.pkl": ("model.pkl", "pkg/model.pkl"),
}
# What a program may be made of as well: where a step takes a folder with some of it, it stays.
_CONTENT = ("data/", "*.pkl")
# A package that is called data: code counts even where a step takes the whole context.
_CODE = (
    *(".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".go", ".rs", ".rb", ".php", ".java"),
    *(".kt", ".cs", ".ex", ".exs", ".swift", ".dart"),
)


def check(subject: ContextSubject) -> Iterator[Breach]:
    """A missing file; or what it lets through, at the exception that does, else at the first line."""
    if subject.patterns is None:
        yield 1, f"there is no {subject.ignore_file.name}: the whole folder is sent to the builder"
        return
    by_line: dict[int, dict[str, str]] = {}
    for name, path in _through(subject.patterns, subject.files).items():
        by_line.setdefault(_line_of(path, subject.patterns, subject.lines), {})[name] = path
    for line, through in sorted(by_line.items()):
        yield line, f"paths such as {', '.join(through.values())} reach the build context: {_hint(subject, through)}"


def mend(subject: ContextSubject, text: str) -> str:
    """The ignore file's text with the missing patterns at its end, where they win over every exception."""
    missing = [name for name in _through(subject.patterns or (), subject.files) if not _is_taken(subject, name)]
    end = "\r\n" if "\r\n" in text else "\n"
    if not missing:
        return text
    head = text if not text or text.endswith("\n") else f"{text}{end}"
    return head + "".join(f"{_pattern(name)}{end}" for name in missing)


def _hint(subject: ContextSubject, through: Collection[str]) -> str:
    """What to add, and what cannot be added before something is moved."""
    taken = [name for name in through if _is_taken(subject, name)]
    missing = ", ".join(_pattern(name) for name in through if name not in taken)
    add = f"add {missing}" if missing else ""
    move = f"a step takes some of {', '.join(taken)}, move that elsewhere first" if taken else ""
    return "; ".join(filter(None, (add, move)))


def _pattern(name: str) -> str:
    """What keeps a name out wherever it lies; a folder of data at the top only, since a package may be called so."""
    return name if name == "data/" else f"**/{name}"


def _is_taken(subject: ContextSubject, name: str) -> bool:
    """Whether the pattern of a name would keep out what a step names, or what may be part of the program."""
    ignored = ignorer((posixpath.normpath(_pattern(name)),))
    files = [path for path in subject.files if ignored(path)]
    for source in {source for flow in subject.flows for node in flow.nodes.values() for source in node.sources}:
        is_here = source.folder == subject.folder
        held = [path for path in files if path.endswith(_CODE)] if is_here and source.pattern == "." else files
        holds_content = name in _CONTENT and any(source.holds(f"{subject.folder}/{path}") for path in held)
        if holds_content or (is_here and ignored(source.pattern)):
            return True
    return False


def _through(patterns: tuple[str, ...], files: Collection[str]) -> dict[str, str]:
    """The names of the list, and layerproof's own folder, that patterns let through, each with a path that shows it."""
    ignored = ignorer(patterns)
    through = {name: [path for path in paths if not ignored(path)] for name, paths in MANDATORY.items()}
    through[STATE_FOLDER] = [path for path in files if f"/{STATE_FOLDER}/" in f"/{path}"]
    return {name: paths[0] for name, paths in through.items() if paths}


def _line_of(path: str, patterns: Sequence[str], lines: Sequence[int]) -> int:
    """The line of the last exception that lets a path through; 1 where none does."""
    for pattern, line in reversed(list(zip(patterns, lines, strict=True))):
        if pattern.startswith("!") and ignorer((pattern[1:],))(path):
            return line
    return 1
