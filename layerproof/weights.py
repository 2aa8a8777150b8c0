"""
Files that a service needs when it runs and that no image carries: their manifest, their lock, what is in their place.

The manifest lies in the repository and says what is needed and where to get it. The lock lies beside the files and has
the size and the hash of those whose hash the manifest does not know, as they were when they were first trusted. The
service that loads the files reads both, so there is one way to write each value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from layerproof.errors import ConfigError
from layerproof.model import WeightCheck, WeightFile
from layerproof.validation import InvalidError, WrongValueError, checked

SCHEMA = 1
LOCK_NAME = "weights.lock.json"

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Size = Annotated[int, msgspec.Meta(ge=0)]


class _Object(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


_AnyObject = TypeVar("_AnyObject", bound=_Object)


class _File(_Object, frozen=True):
    path: str
    what: _Text
    size_bytes: _Size | None
    sha256: str | None
    source: _Text = msgspec.field(name="from")
    licence: _Text

    def __post_init__(self) -> None:
        _check_hash(self.sha256)
        path = self.path
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise WrongValueError("path", f"{path!r} is no path below the weights folder")
        if str(PurePosixPath(path)) != path or not path.isprintable():
            raise WrongValueError("path", f"{path!r} is no plain path: write it as in data/model.ckpt")
        if path == LOCK_NAME:
            raise WrongValueError("path", f"{path!r} is the name of the lock")


class _Manifest(_Object, frozen=True):
    version: Literal[1] = msgspec.field(name="schema")
    files: Annotated[list[_File], msgspec.Meta(min_length=1)]
    when: dict[str, str] = {}


class _Entry(_Object, frozen=True):
    size_bytes: _Size
    sha256: str

    def __post_init__(self) -> None:
        _check_hash(self.sha256)


class _Lock(_Object, frozen=True):
    version: Literal[1] = msgspec.field(name="schema")
    files: dict[str, _Entry]


def _check_hash(value: str | None) -> None:
    if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
        raise WrongValueError("sha256", "a SHA-256 has 64 hexadecimal digits, in lower case")


class Manifest(Struct, frozen=True):
    """What a service needs; `when` are the environment variables under which it does, {} for always."""

    files: tuple[WeightFile, ...]
    when: Mapping[str, str] = field(default_factory=dict)


class Digest(Struct, frozen=True):
    """The size and the hash of a file's bytes."""

    size_bytes: int
    sha256: str


Lock = Mapping[str, Digest]


class Found(Struct, frozen=True):
    """
    What lies in a file's place, by its name and size only.

    `size_bytes` is None where there is no file; `obstacle` then says what is there instead, "" for nothing.
    """

    size_bytes: int | None = None
    obstacle: str = ""


class HashWatcher:
    """Is told how the reading of the files goes. The default looks away; the task layer passes one that draws."""

    def started(self, files: Sequence[Path], *, size_bytes: int) -> None:
        """Called once, before the first byte; `size_bytes` is the sum of all files."""

    def read(self, size_bytes: int) -> None:
        """Called after each chunk, from several threads, with the size of the chunk."""

    def finished(self) -> None:
        """Called once, however it ended."""


def parse_manifest(text: str, *, path: Path) -> Manifest:
    """
    Read the text of a manifest.

    Raises:
        ConfigError: not JSON, an unknown key, a value that cannot be, or a path that stands there twice; the message
            has path and line.
    """
    document = _parse(text, path, _Manifest, hint="docs/configuration.md shows a manifest.")
    first: dict[str, int] = {}
    for number, item in enumerate(document.files):
        if item.path in first:
            raise ConfigError(
                f"{path}:{_line_of(('files', number, 'path'), text)}: files.{number}.path: {item.path!r} stands there "
                f"twice, first in line {_line_of(('files', first[item.path], 'path'), text)}",
                hint="Delete one of the two.",
            )
        first[item.path] = number
    files = tuple(
        WeightFile(item.path, item.what, item.size_bytes, item.sha256, item.source, item.licence)
        for item in document.files
    )
    return Manifest(files, document.when)


def parse_lock(text: str, *, path: Path) -> dict[str, Digest]:
    """
    Read the text of a lock: size and hash by path.

    Raises:
        ConfigError: as for a manifest.
    """
    hint = "Mend it; or delete it and run `inv weights --record`, which trusts the files as they are then."
    entries = _parse(text, path, _Lock, hint=hint).files
    return {name: Digest(entry.size_bytes, entry.sha256) for name, entry in entries.items()}


def render_lock(lock: Lock) -> str:
    """The text of a lock, in the order of the paths."""
    files = {name: {"size_bytes": lock[name].size_bytes, "sha256": lock[name].sha256} for name in sorted(lock)}
    return json.dumps({"schema": SCHEMA, "files": files}, indent=2, ensure_ascii=False) + "\n"


def check_size(file: WeightFile, found: Found, lock: Lock) -> WeightCheck:
    """
    Judge a file by what can be known without reading it: "ok" means that nothing speaks against it so far.

    A published hash always wins: the lock's entry is not looked at then.
    """
    if found.size_bytes is None:
        if found.obstacle:
            return WeightCheck(file, "not a file", detail=found.obstacle, hint="Put the file itself there.")
        return WeightCheck(file, "missing")
    known = None if file.sha256 else lock.get(file.path)
    here = WeightCheck(file, "ok", found.size_bytes)
    if file.size_bytes not in (None, found.size_bytes):
        detail = f"it has {found.size_bytes:,} bytes, not {file.size_bytes:,}"
        return replace(here, state="wrong size", detail=detail, hint="Get it again; the manifest has the right size.")
    if known is not None and known.size_bytes != found.size_bytes:
        detail = f"it has {found.size_bytes:,} bytes, not {known.size_bytes:,} as recorded"
        return replace(here, state="wrong size", detail=detail, hint=_RECORDED_HINT)
    if not file.sha256 and known is None:
        return replace(
            here,
            state="not recorded",
            detail="it is there, and nothing says what it should hold",
            hint="`inv weights --record` trusts it as it is and records its size and hash.",
        )
    return here


def check_digest(check: WeightCheck, digest: Digest, lock: Lock) -> WeightCheck:
    """Judge a file by its bytes; what `check_size` did not let pass keeps its state."""
    file = check.file
    read = replace(check, size_bytes=digest.size_bytes, sha256=digest.sha256)
    if check.state != "ok":
        return read
    known = None if file.sha256 else lock[file.path]
    wanted = file.sha256 or (known.sha256 if known else "")
    if digest.sha256 == wanted:
        return read
    detail = f"its SHA-256 is {_short(digest.sha256)}, not {_short(wanted)}"
    if known is not None:
        return replace(read, state="wrong hash", detail=f"{detail} as recorded", hint=_RECORDED_HINT)
    return replace(read, state="wrong hash", detail=detail, hint="Get it again; the manifest has the right hash.")


def shown_folder(folder: Path, root: Path) -> str:
    """A folder as a person reads it: relative to the project's root where it lies below it."""
    return f"./{folder.relative_to(root)}" if folder.is_relative_to(root) else str(folder)


def render_variables(variables: Mapping[str, str]) -> str:
    """`POSE_ENGINE=hmr2, DEVICE=cuda`; "" for none."""
    return ", ".join(f"{name}={value}" for name, value in variables.items())


_RECORDED_HINT = (
    f"Get it again; or, if the change is intended, delete its entry in {LOCK_NAME} and run `inv weights --record`."
)


def _short(sha256: str) -> str:
    return f"{sha256[:12]}…"


def _parse(text: str, path: Path, kind: type[_AnyObject], *, hint: str) -> _AnyObject:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: not valid JSON: {error.msg}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        # Python refuses to read a number of thousands of digits.
        reason = "too deep" if isinstance(error, RecursionError) else "a number is too long"
        raise ConfigError(f"{path}:1: not valid JSON: {reason}", hint=hint) from error
    try:
        return checked(document, kind)
    except InvalidError as error:
        where = ".".join(map(str, error.keys)) or "the document"
        raise ConfigError(f"{path}:{_line_of(error.keys, text)}: {where}: {error.reason}", hint=hint) from error


def _line_of(keys: Sequence[str | int], text: str) -> int:
    """The line of the value, or of the nearest one around it that exists, in a JSON text that is valid."""
    at = _skip_blank(text, 0)
    for key in keys:
        inner = _position_of(key, text, at)
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1


def _position_of(key: str | int, text: str, at: int) -> int | None:
    """Where the value of a key, or the entry of a number, begins; None where the value at `at` has none such."""
    decoder = json.JSONDecoder()
    opener, at, number = text[at], _skip_blank(text, at + 1), 0
    if opener not in "{[":
        return None
    while text[at] not in "]}":
        name: Any = number
        if opener == "{":
            name, at = decoder.raw_decode(text, at)
            at = _skip_blank(text, _skip_blank(text, at) + 1)  # the colon
        if name == key:
            return at
        at = _skip_blank(text, decoder.raw_decode(text, at)[1])
        at = _skip_blank(text, at + 1) if text[at] == "," else at
        number += 1
    return None


def _skip_blank(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at
