"""What one file is, by its content first and by its name where that does not say."""

from __future__ import annotations

import json
import posixpath
import re
import struct
from typing import Protocol

from layerproof.audit import Trait
from layerproof.audit import signatures as known
from layerproof.audit.secrets import secret_of

CHUNK_BYTES = 1024 * 1024
# No source, script or file of settings is longer; what is, is data.
MAX_TEXT_BYTES = 2 * CHUNK_BYTES
_LONGEST_SIGNATURE = 128
_EXECUTABLE_BITS = 0o111
_ELF, _AR, _DEB = b"\x7fELF", b"!<arch>\n", b"debian-binary"
_RPM, _ZIP, _RELOCATABLE, _SHARED = b"\xed\xab\xee\xdb", b"PK\x03\x04", 1, 3
_INTERPRETER = 3
_HEADER = re.compile(r"\.(h|hh|hpp|hxx|h\+\+|cuh|inl|ipp|tcc)$")
_COMMENT = re.compile(rb"\s+|//[^\n]*|/\*.*?\*/", re.DOTALL)
# "#ifndef FOO_H" and "#define FOO_H", or "#pragma once"
_GUARD = re.compile(
    rb"#[ \t]*(?:ifndef[ \t]+(\w+)[^\n]*\n\s*#[ \t]*define[ \t]+\1\b|pragma[ \t]+(?:once|GCC system_header))"
)
_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*(include|define|pragma|ifndef|ifdef|if)\b", re.MULTILINE)
_SOURCES = re.compile(r"\.(c|cc|cpp|cxx|m|mm|cu|s|y|l)$")
_PROGRAM_FOLDERS = ("bin", "libexec")
_METADATA_NAME = re.compile(rb"^Name: *([\w.-]+)", re.MULTILINE)
_PYTHON_METADATA = re.compile(r"[^/]+\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info)$")
# pip-23.0.1-py3-none-any.whl
_WHEEL = re.compile(r"([A-Za-z0-9_.]+)-[^-]+(?:-[^-]+)?-[^-]+-[^-]+-[^-]+\.whl$")
# Cache Directory Tagging Specification: pip, uv, cargo, restic and others mark theirs so.
_CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"


class Readable(Protocol):
    """All that is asked of a file."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, b"" at the end."""


def traits_of(path: str, content: Readable, *, size_bytes: int, mode: int) -> tuple[Trait, ...]:
    """
    What a file of a layer is, as far as that matters.

    Args:
        content: read from its begin, no more than needed.
    """
    head = content.read(min(size_bytes, CHUNK_BYTES))
    name = posixpath.basename(path)
    if head.startswith(_ELF):
        return _of_program(name, head, content)
    if head.startswith(_AR):
        is_package = head[len(_AR) :].startswith(_DEB)
        return (
            Trait("package-cache", "Debian packages") if is_package else Trait("static-library", "archives of objects"),
        )
    if head.startswith(_RPM):
        return (Trait("package-cache", "RPM packages"),)
    if head.startswith(_ZIP) or (head.startswith(b"#!") and _ZIP in head[:CHUNK_BYTES]):
        return _of_zip(name, head, content)
    text = head
    if size_bytes > len(head) and size_bytes <= MAX_TEXT_BYTES:
        text += content.read()
    # A PHP archive begins as a script, and what it holds comes behind.
    if b"\0" in text[:8192] and b"__HALT_COMPILER" not in text[:8192]:
        return _of_data(path, text)
    return _of_text(path, text, runs=bool(mode & _EXECUTABLE_BITS))


def _of_program(name: str, head: bytes, rest: Readable) -> tuple[Trait, ...]:
    order = "<" if head[5:6] == b"\x01" else ">"
    kind = int(struct.unpack_from(f"{order}H", head, 16)[0]) if len(head) >= 20 else 0
    if kind == _RELOCATABLE:
        return () if name.endswith(".ko") else (Trait("static-library", "object files"),)
    is_static = not _has_interpreter(head, order)
    # A library is no program, but for those that can be run.
    if kind == _SHARED and is_static and ".so" in name:
        return (Trait("compiler", "libclang"),) if name.startswith("libclang") else ()
    present = _find_texts(head, rest)
    if known.BUSYBOX in present or known.TOYBOX in present:
        what = "busybox" if known.BUSYBOX in present else "toybox"
        managers = [text.strip(b"\0").decode() for text in known.BUSYBOX_MANAGERS if text in present]
        if managers:
            return (Trait("package-manager", f"{what} with {' and '.join(managers)}"),)
        return (Trait("toolbox", f"static {what}"),) if is_static else ()
    for trait_kind, what, texts in known.PROGRAMS:
        reads_only = known.GO_PROGRAM in present and what in known.READS_DATABASES
        if not reads_only and all(text in present for text in texts):
            return (Trait(trait_kind, what),)
    found = known.by_name(name)
    return (found,) if found else ()


_TEXTS = (
    known.BUSYBOX,
    known.TOYBOX,
    known.GO_PROGRAM,
    *known.BUSYBOX_MANAGERS,
    *dict.fromkeys(text for _, _, texts in known.PROGRAMS for text in texts),
)


def _find_texts(head: bytes, rest: Readable) -> set[bytes]:
    """Which of the known texts a program has."""
    present: set[bytes] = set()
    missing = list(_TEXTS)
    chunk = head
    while chunk:
        found = [text for text in missing if text in chunk]
        present.update(found)
        missing = [text for text in missing if text not in present]
        following = rest.read(CHUNK_BYTES)
        chunk = chunk[-_LONGEST_SIGNATURE:] + following if following else b""
    return present


def _has_interpreter(head: bytes, order: str) -> bool:
    """Whether a program names its dynamic loader (PT_INTERP). Source: elf(5)."""
    is_64 = head[4:5] == b"\x02"
    offset, size_at, entry = (32, 54, "Q") if is_64 else (28, 42, "I")
    try:
        at = struct.unpack_from(f"{order}{entry}", head, offset)[0]
        size, count = struct.unpack_from(f"{order}HH", head, size_at)
        kinds = [struct.unpack_from(f"{order}I", head, at + n * size)[0] for n in range(count)]
    except struct.error:
        return True
    return _INTERPRETER in kinds


def _of_zip(name: str, head: bytes, rest: Readable) -> tuple[Trait, ...]:
    wheel = _WHEEL.match(name)
    if wheel is not None:
        kind = known.PYTHON_PACKAGES.get(_normal(wheel[1]))
        return (Trait(kind, wheel[1]) if kind else Trait("package-cache", "wheels"),)
    chunk = head
    while chunk:  # the names of its members stand in it as they are
        if b"pip/_internal/" in chunk:
            return (Trait("package-manager", "pip"),)
        following = rest.read(CHUNK_BYTES)
        chunk = chunk[-_LONGEST_SIGNATURE:] + following if following else b""
    return ()


def _of_data(path: str, data: bytes) -> tuple[Trait, ...]:
    secret = secret_of(path, data)
    return (Trait("secret", secret),) if secret else ()


def _of_text(path: str, text: bytes, *, runs: bool) -> tuple[Trait, ...]:
    name = posixpath.basename(path)
    found = []
    if secret := secret_of(path, text):
        found.append(Trait("secret", secret))
    if text.startswith(_CACHE_TAG) and b"fontconfig" not in text:
        found.append(Trait("package-cache", "a tagged cache"))
    if name == ".git" and text.startswith(b"gitdir: "):
        found.append(Trait("vcs", "a Git worktree"))
    if name == "package.json":
        found += _of_node_package(text)
    elif _PYTHON_METADATA.search(path) and (match := _METADATA_NAME.search(text)):
        package = match[1].decode()
        kind = known.PYTHON_PACKAGES.get(_normal(package))
        found += [Trait(kind, package)] if kind else []
    elif text.startswith((b"#!", b"<?php")) or (runs and name.endswith((".js", ".cjs", ".mjs"))):
        found += _of_script(path, text)
    elif _is_header(name, text):
        found.append(Trait("headers", "C and C++ headers"))
    elif name == "release" and b"MODULES=" in text and b"jdk.compiler" in text:
        found.append(Trait("compiler", "JDK"))
    return tuple(found)


def _of_script(path: str, text: bytes) -> list[Trait]:
    for kind, what, texts in known.SCRIPTS:
        if all(part in text for part in texts):
            return [Trait(kind, what)]
    # Many scripts that only have to do with a program are called like it: /etc/cron.daily/dpkg.
    folder, name = posixpath.split(path)
    found = known.by_name(name) if folder.endswith(_PROGRAM_FOLDERS) else None
    return [found] if found else []


def _of_node_package(text: bytes) -> list[Trait]:
    try:
        package = json.loads(text)
    except ValueError:
        return []
    name = package.get("name") if isinstance(package, dict) else None
    kind = known.NODE_PACKAGES.get(name) if isinstance(name, str) else None
    # A project that is called so and depends on others is no copy of the tool: the tool has a version and a program.
    return [Trait(kind, str(name))] if kind and "bin" in package and "version" in package else []


def _is_header(name: str, text: bytes) -> bool:
    if _HEADER.search(name):
        return _DIRECTIVE.search(text) is not None
    if _SOURCES.search(name):
        return False
    at = 0
    while comment := _COMMENT.match(text, at):  # in turn, since one expression for all of them would try every split
        at = comment.end()
    return _GUARD.match(text, at) is not None


def _normal(package: str) -> str:
    """A Python package's name in the form of PEP 503."""
    return re.sub(r"[-_.]+", "-", package).lower()
