"""
The tar stream of `docker save`, read once from front to end: nothing of it is kept on disk.

Source: the OCI image layout and Docker's image specification v1.2 (`manifest.json`); layers as the OCI image
specification has them (whiteouts). Docker before 25 writes `layer.tar` files, later ones `blobs/sha256/...`.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, Any

from layerproof.audit import Entry, Layer, SavedImage
from layerproof.audit.content import CHUNK_BYTES, traits_of
from layerproof.errors import AuditError

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_CAPABILITIES = "SCHILY.xattr.security.capability"
_SETUID, _SETGID, _GROUP_RUNS = 0o4000, 0o2000, 0o010
_MAX_DOCUMENT = 64 * 1024 * 1024
_UNREADABLE = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, KeyError, TypeError)
_BLOCK, _MAGIC_AT = 512, 257
_ZSTD = b"\x28\xb5\x2f\xfd"
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


def read_archive(
    stream: IO[bytes], *, digests: bool = False, watch: Callable[[Layer], None] = lambda _: None
) -> tuple[SavedImage, ...]:
    """
    Read every image of an archive; a layer that several share is read once.

    Args:
        digests: also of the content of every file, to compare two images.
        watch: told of each layer that has been read.

    Raises:
        AuditError: it is no archive of images, is cut off, or has layers that cannot be read.
    """
    documents: dict[str, bytes] = {}
    layers: dict[str, Layer] = {}
    links: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.issym():  # older Docker links a layer that it has written before
                    links[member.name] = posixpath.normpath(
                        posixpath.join(posixpath.dirname(member.name), member.linkname)
                    )
                content = archive.extractfile(member) if member.isfile() else None
                layer = _take(member, content, documents, digests=digests) if content is not None else None
                if layer is not None:
                    layers[member.name] = layer
                    watch(layer)
        manifest = json.loads(documents["manifest.json"])
        return tuple(_image(item, documents, layers, links) for item in manifest)
    except _UNREADABLE as error:
        raise AuditError(
            f"the exported image cannot be read: {error}", hint="Is it whole? docker image inspect"
        ) from error


def read_layer(stream: IO[bytes], *, digests: bool = False) -> Layer:
    """Read one layer, packed or not."""
    entries: dict[str, Entry] = {}
    removed, emptied = [], []
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        for member in layer:
            path = _readable(posixpath.normpath(member.name).lstrip("/"))
            folder, name = posixpath.split(path)
            if name == _OPAQUE:
                emptied.append(folder)
            elif name.startswith(_WHITEOUT):
                removed.append(posixpath.join(folder, name.removeprefix(_WHITEOUT)))
            elif path not in ("", "."):
                entries[path] = _entry(layer, member, path, digests=digests)
    return Layer(tuple(entries.values()), tuple(removed), tuple(emptied))


def _take(member: tarfile.TarInfo, content: IO[bytes], documents: dict[str, bytes], *, digests: bool) -> Layer | None:
    """A layer, or None for a document. Told apart by what it is: a layer is a tar, packed or not."""
    head = content.peek(_BLOCK)[:_BLOCK]  # type: ignore[attr-defined]  # a BufferedReader
    if head.startswith(_ZSTD):
        return _read_zstd(content, digests=digests)
    if head.startswith(_PACKED) or head[_MAGIC_AT:].startswith(b"ustar"):
        return read_layer(content, digests=digests)
    if head == bytes(_BLOCK):
        return Layer(())
    if member.size <= _MAX_DOCUMENT:
        documents[member.name] = content.read()
    return None


def _read_zstd(content: IO[bytes], *, digests: bool) -> Layer:
    """A layer as it was pulled into the containerd image store; tarfile knows zstd from Python 3.14 on."""
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True, closefd=False) as unpacked:
            return read_layer(unpacked, digests=digests)
    except zstandard.ZstdError as error:
        raise ValueError(error) from error


def _image(
    item: dict[str, Any], documents: dict[str, bytes], layers: dict[str, Layer], links: dict[str, str]
) -> SavedImage:
    found = tuple(layers[links.get(name, name)] for name in item["Layers"])
    config = json.loads(documents[item["Config"]])
    if not isinstance(config, dict):
        raise TypeError("its configuration is no JSON object")
    return SavedImage(tuple(item.get("RepoTags") or ()), config, found)


class _Hashed:
    """A file that knows the digest of what was read of it."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content, self._hash = content, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._content.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        while self.read(CHUNK_BYTES):
            pass
        return self._hash.hexdigest()


def _entry(layer: tarfile.TarFile, member: tarfile.TarInfo, path: str, *, digests: bool) -> Entry:
    content = layer.extractfile(member) if member.isfile() else None
    if content is not None:
        hashed = _Hashed(content) if digests else None
        traits = traits_of(path, hashed or content, size_bytes=member.size, mode=member.mode)
        digest = hashed.digest() if hashed else ""
        return Entry(path, "file", member.size, traits=traits, privileged=_privileged(member), digest=digest)
    if member.issym():
        return Entry(path, "symlink", target=_readable(member.linkname))
    if member.islnk():
        return Entry(path, "hardlink", target=_readable(posixpath.normpath(member.linkname).lstrip("/")))
    return Entry(path, "folder" if member.isdir() else "device")


def _readable(path: str) -> str:
    r"""A path that can be printed: a byte that is no UTF-8 stands as \xe9."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _privileged(member: tarfile.TarInfo) -> str:
    found = ["setuid"] if member.mode & _SETUID else []
    # Without the right to run it, the bit asks for locking and gives nobody any rights.
    found += ["setgid"] if member.mode & _SETGID and member.mode & _GROUP_RUNS else []
    found += ["file capabilities"] if _CAPABILITIES in member.pax_headers else []
    return ", ".join(found)
