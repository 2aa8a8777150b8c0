"""Changes of a copy of a build context that mean nothing to a compiler or a package manager, and all to a cache."""

from __future__ import annotations

import random
import uuid
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from msgspec import Struct

# A comment in the language of a file, by the end of its name; {} is a text that was never there before.
_COMMENTS = {
    "# {}": (
        ".py .pyi .rb .sh .bash .pl .pm .ex .exs .yaml .yml .toml .tf .r .jl .cr .nim .ps1 .properties .cfg .ini"
        " .graphql *requirements*.txt *requirements*.in requirements*.lock constraints*.txt environment.yml Gemfile"
        " Pipfile conanfile.txt poetry.lock uv.lock pdm.lock Cargo.lock pnpm-lock.yaml pubspec.lock"
        " shard.lock yarn.lock *requirements/*.txt"
    ),
    "// {}": (
        ".js .mjs .cjs .jsx .ts .mts .cts .tsx .go .rs .java .kt .kts .c .h .cc .cpp .hpp .cs .swift .scala .groovy"
        " .gradle .dart .proto .scss .less .zig .fs .php .sbt go.mod go.work"
    ),
    "/* {} */": ".css",
    "<!-- {} -->": ".html .htm .xml .svg .vue .svelte .md .csproj .fsproj .vbproj .props .targets pom.xml",
    "-- {}": ".sql .lua .hs .elm .cabal",
    "% {}": ".erl .hrl rebar.config",
    "; {}": ".clj .cljs .edn .lisp .asm",
}
_COMMENT_OF = {pattern: comment for comment, patterns in _COMMENTS.items() for pattern in patterns.split()}
# White space at the end is no change for their readers.
_BLANK_ENDINGS = (
    *("*.json", "*.json5", "*.jsonc", "*.resolved", "go.sum"),
    *("composer.lock", "deno.lock", "mix.lock", "Pipfile.lock", "renv.lock"),
)
# Package managers that compare these byte by byte, or read them as binary.
_EXACT = ("yarn.lock", "bun.lockb", "Gemfile.lock")


class Edit(Struct, frozen=True):
    """
    One change of a file, named by its path in the real tree; it is made in the copy.

    `append` adds `data` to what is there, if anything is, on a line of its own; `write` replaces it; `touch` changes
    its times. `pattern` is what an ignore file needs to keep it out, "" where it does not belong in one.
    """

    path: Path
    kind: Literal["append", "write", "touch"]
    data: bytes = b""
    pattern: str = ""


def new_token() -> str:
    """A text that no build has seen: what an engine has seen, it has cached."""
    return uuid.uuid4().hex


def appended(path: Path, token: str) -> Edit:
    """An edit after which a file of this name still says the same to its readers, where its language is known."""
    comment = _comment(path)
    if comment:
        # Formatters of Python want two blank lines before a comment that follows a block.
        start = "\n\n" if path.suffix == ".py" else ""
        return Edit(path, "append", f"{start}{comment.format(f'layerproof {token}')}\n".encode())
    return Edit(path, "append", _blanks(token).encode())


def stays_valid(path: Path) -> bool:
    """Whether a package manager is known to accept a manifest after such an edit."""
    if any(fnmatch(path.name, pattern) for pattern in _EXACT):
        return False
    return bool(_comment(path)) or any(fnmatch(path.name, pattern) for pattern in _BLANK_ENDINGS)


def _comment(path: Path) -> str:
    whole = next((comment for pattern, comment in _COMMENT_OF.items() if _names(pattern, path)), "")
    return whole or _COMMENT_OF.get(path.suffix.lower(), "")


def _names(pattern: str, path: Path) -> bool:
    return not pattern.startswith(".") and fnmatch(path.as_posix() if "/" in pattern else path.name, pattern)


def _blanks(token: str) -> str:
    """White space that is another for each token, for files without comments (JSON)."""
    choose = random.Random(token)  # noqa: S311  # it has to differ, not to be secret
    return "".join(choose.choice(" \n") for _ in range(64)) + "\n"
