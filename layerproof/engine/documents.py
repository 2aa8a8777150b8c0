"""What the docker CLI prints as JSON, as data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from layerproof.engine import ImageInfo, PastBuild


def folder_of(name: str, folders: Collection[str], dockerfiles: Collection[str]) -> str:
    """
    Which of some folders a build is about, by what `docker buildx history ls` calls it; else the Dockerfile or its
    folder, where that is one of `dockerfiles`; "" for a build of something else.

    With what buildx knows of git it is the context's path in the repository; without, the context's own name, which a
    Dockerfile of another name follows; or the end of the path of a Dockerfile that lies elsewhere.
    """
    # "services/api (runtime)", "api/Dockerfile.dev (runtime)", "docker/api.Dockerfile"
    parts = name.partition(" (")[0].split("/")
    folder = next((part for part in reversed(parts) if part in folders), "")
    return folder or (parts[-1] if parts[-1] in dockerfiles else "")


def past_build(reference: str, name: str, document: Mapping[str, Any]) -> PastBuild:
    """One build as `docker buildx history inspect` describes it; `name` is that of its folder, as `ls` has it."""
    from layerproof.progress import parse_time

    context = str(document.get("Context") or ".")
    return PastBuild(
        reference=reference,
        context=name if context == "." else context,
        target=str(document.get("Target") or ""),
        started=parse_time(document.get("StartedAt")) or 0.0,
        completed=document.get("Status") == "completed",
        labels={item["Name"]: item["Value"] for item in document.get("Labels") or ()},
    )


def marked_records(records: Iterable[Mapping[str, Any]], marker: str) -> list[str]:
    """
    The ids of the records of the build cache whose description has a text, and of those that stand on them; without
    what an image shares. One without an id of letters and digits only is left out.
    """
    known = list(records)
    found = {str(record["ID"]) for record in known if marker in str(record.get("Description", ""))}
    grown = bool(found)
    while grown:
        above = {str(record["ID"]) for record in known if found.intersection(record.get("Parents") or ())}
        grown = not above <= found
        found |= above
    shared = {str(record["ID"]) for record in known if record.get("Shared")}
    return sorted(each for each in found - shared if each.isalnum())


def image_info(entry: Mapping[str, Any], tags: tuple[str, ...]) -> ImageInfo:
    """One image as `docker image inspect` describes it."""
    config = entry.get("Config") or {}
    inherited = {name: config[name] for name in ("WorkingDir", "User", "Shell", "OnBuild") if config.get(name)}
    environment = dict(item.partition("=")[::2] for item in config.get("Env") or ())
    layers = tuple((entry.get("RootFS") or {}).get("Layers") or ())
    return ImageInfo(
        id=entry["Id"],
        tags=tags,
        size_bytes=int(entry.get("Size") or 0),
        created=str(entry.get("Created") or ""),
        labels=config.get("Labels") or {},
        layers=hashlib.sha256("\n".join(layers).encode()).hexdigest(),
        config={"Env": environment, **inherited},
        layer_ids=layers,
    )


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON document with every text in it changed."""
    if isinstance(value, dict):
        return {key: each_text(part, change) for key, part in value.items()}
    if isinstance(value, list):
        return [each_text(part, change) for part in value]
    return change(value) if isinstance(value, str) else value
