"""Where the build cache is kept outside the builder, `cache-from` and `cache-to`: a place of its own for each image."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from layerproof.errors import ConfigError
from layerproof.model import Image

PLACEHOLDER = "{image}"
# The type of an entry, and the field that says where: what an image's own place is derived in.
_PLACES = {
    "registry": "ref",
    "gha": "scope",
    "s3": "name",
    "azblob": "name",
}
_LOCAL = {"from": "src", "to": "dest"}
# What an exporter of this type takes no `mode` for, or has no place in.
_INLINE = "inline"
TYPES = (*_PLACES, "local", _INLINE)


def with_cache(
    images: Iterable[Image], *, imports: Sequence[str] = (), exports: Sequence[str] = ()
) -> tuple[Image, ...]:
    """
    The images with these entries beside those that the compose file has for them.

    Every image gets a place of its own: `{image}` stands for its name, and an entry without it is given one (the tag of
    a reference, the scope of GitHub's cache, a sub-folder, the name of an object). Exports have `mode=max` unless they
    say otherwise, because the dependencies are in stages that no image keeps.

    Raises:
        ConfigError: an entry that cannot be read, or one that all images would write to.
    """
    found = []
    for image in images:
        own = {
            "cache-from": [own_entry(text, image.name, direction="from") for text in imports],
            "cache-to": [own_entry(text, image.name, direction="to") for text in exports],
        }
        options: dict[str, Any] = dict(image.options)
        for key, entries in own.items():
            if entries:
                options[key] = list(dict.fromkeys([*(options.get(key) or ()), *entries]))
        found.append(replace(image, options=options))
    return tuple(found)


def in_folder(text: str, folder: Path, *, direction: str) -> str:
    """An entry with its local folder, if it has one, relative to another folder than the current one."""
    fields = parse_entry(text, direction=direction)
    where = _LOCAL[direction]
    if fields["type"] != "local" or where not in fields:
        return text
    return format_entry({**fields, where: str(folder / fields[where])})


def lacks_token(images: Iterable[Image], environment: Mapping[str, str]) -> bool:
    """
    Whether buildx leaves GitHub's cache out without a word, because it has no token for it.

    Source: buildx build/opt.go (addGithubToken, isActive).
    """
    entries = {
        str(entry)
        for image in images
        for key in ("cache-from", "cache-to")
        for entry in image.options.get(key) or ()
        if "type=gha" in str(entry)
    }
    has_token = bool(environment.get("ACTIONS_RUNTIME_TOKEN"))
    return not has_token and any("token=" not in entry for entry in entries)


def own_entry(text: str, image: str, *, direction: str) -> str:
    """
    One entry, with a place of its own for one image.

    Raises:
        ConfigError: it cannot be read, or all images would write to it.
    """
    fields = parse_entry(text, direction=direction)
    kind = fields["type"]
    where = _LOCAL[direction] if kind == "local" else _PLACES.get(kind, "")
    if where:
        fields[where] = _own_place(fields, where, text=text, direction=direction)
    if direction == "to" and kind != _INLINE:
        fields.setdefault("mode", "max")
    return format_entry({name: value.replace(PLACEHOLDER, image) for name, value in fields.items()})


def _own_place(fields: Mapping[str, str], where: str, *, text: str, direction: str) -> str:
    kind, value = fields["type"], fields.get(where, "")
    if PLACEHOLDER in value:
        return value
    if kind == "registry":
        return _own_reference(value, text=text, direction=direction)
    if kind == "local":
        if not value:
            raise ConfigError(f"cache-{direction} {text}: it names no folder", hint=f"Add {where}=FOLDER.")
        return posixpath.join(value, PLACEHOLDER)
    return f"{value}-{PLACEHOLDER}" if value else PLACEHOLDER


def _own_reference(reference: str, *, text: str, direction: str) -> str:
    """A reference without a tag gets the image's name as its tag; one with a tag can be read by all, written by one."""
    if not reference:
        raise ConfigError(f"cache-{direction} {text}: it names no reference", hint="Add ref=REGISTRY/NAME.")
    name = reference.rpartition("/")[2]
    if ":" not in name and "@" not in name:
        return f"{reference}:{PLACEHOLDER}"
    if direction == "to":
        base = reference.removesuffix(name) + name.partition("@")[0].partition(":")[0]
        raise ConfigError(
            f"cache-to {text}: every image would write to this one reference, and the last one would stay",
            hint=f"Leave the tag out, or put {PLACEHOLDER} into it: ref={base}:{PLACEHOLDER}",
        )
    return reference


def parse_entry(text: str, *, direction: str) -> dict[str, str]:
    """
    The fields of an entry as buildx reads it: `type=registry,ref=example.com/cache`, or a reference alone.

    Raises:
        ConfigError: a field without a value, or a type that no builder knows.
    """
    words = next(csv.reader([text.strip()]), [])
    if len(words) == 1 and "=" not in words[0]:
        words = ["type=registry", f"ref={words[0]}"]
    fields: dict[str, str] = {}
    for word in words:
        name, found, value = word.strip().partition("=")
        if not found or not name or not value:
            raise ConfigError(
                f"cache-{direction} {text}: {word.strip()!r} is no field",
                hint=f"Write it as in type=registry,ref=registry.example/cache:{PLACEHOLDER}",
            )
        fields[name.strip().lower()] = value.strip()
    kind = fields.get("type", "")
    if kind not in TYPES or (direction == "from" and kind == _INLINE):
        known = ", ".join(name for name in TYPES if direction == "to" or name != _INLINE)
        what = f"there is no type {kind!r}" if kind else "it has no type"
        hint = "An inline cache is in the image: import it with type=registry,ref=IMAGE." if kind == _INLINE else ""
        raise ConfigError(f"cache-{direction} {text}: {what} (known: {known})", hint=hint or "Add type=registry.")
    return fields


def format_entry(fields: Mapping[str, str]) -> str:
    """The inverse of `parse_entry`; a value with a comma is quoted."""
    words = [f"{name}={value}" for name, value in fields.items()]
    return ",".join(f'"{word}"' if "," in word else word for word in words)
