"""What is remembered between builds: one small JSON file per image, written atomically under a lock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import asdict

from layerproof.atomic import write_atomically
from layerproof.context import ContextFile
from layerproof.model import Image

SCHEMA = 1


class Record(Struct, frozen=True):
    """The last good build of one tag: what went in (`fingerprint`) and what came out (`image_id`)."""

    image: str
    fingerprint: str
    image_id: str


def fingerprint(
    image: Image,
    *,
    files: tuple[ContextFile, ...],
    named: Mapping[str, tuple[ContextFile, ...]],
    parents: Mapping[str, str],
    upstream_ids: Mapping[str, str],
) -> str:
    """
    A digest of everything that decides what a build of this image gives.

    Args:
        files: the context's files as BuildKit would get them.
        named: those of each named context that is a folder.
        parents: fingerprints of the images it is built on, by name.
        upstream_ids: ids of the upstream images that are there already, by reference; another id means another base.
    """
    parts = {
        "schema": SCHEMA,
        "tag": image.tag,
        "dockerfile": image.dockerfile.text,
        "target": image.target,
        "args": dict(image.args),
        "contexts": dict(image.contexts),
        "options": dict(image.options),
        "parents": dict(parents),
        "upstreams": dict(upstream_ids),
        "files": [(file.path, file.mode, file.digest) for file in files],
        "named": {name: [(file.path, file.mode, file.digest) for file in found] for name, found in named.items()},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load_record(folder: Path, image: str) -> tuple[Record | None, str]:
    """
    The record of one image, by its tag.

    Returns:
        The record, or None where there is none or it is damaged; and a warning, "" unless it is damaged.
    """
    path = _path(folder, image)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("schema") != SCHEMA:
            return None, ""
        record = Record(**document)
        if record.image != image:
            raise ValueError(f"it is the record of {record.image}")
        return record, ""
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return None, f"{path}: the build record is damaged ({error}); the image is built again"


def save_record(folder: Path, record: Record) -> None:
    """Write one record: whole or not at all, one writer at a time."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        text = json.dumps({"schema": SCHEMA, **asdict(record)})
        write_atomically(_path(folder, record.image), text.encode())


def _path(folder: Path, tag: str) -> Path:
    """A tag as a file name: shop/api:latest -> shop%2Fapi%3Alatest.json"""
    return folder / f"{quote(tag, safe='')}.json"
