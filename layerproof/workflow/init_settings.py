"""What discovery cannot derive: where the bases are, and which services need a GPU."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from layerproof.dockerfile import external_references, load_dockerfile
from layerproof.errors import ConfigError
from layerproof.model import Service
from layerproof.references import normalize_reference
from layerproof.starters.plan import FoundService

_DEPTH = 4


def base_names(folder: Path) -> tuple[str, ...]:
    """The folders below this one that hold a Dockerfile."""
    return tuple(sorted(path.parent.name for path in folder.glob("*/Dockerfile")))


def gpu_services(services: Iterable[Service]) -> list[str]:
    """The services for which the compose file reserves a GPU."""
    return [service.name for service in services if service.gpu]


def find_bases(root: Path, found: Collection[FoundService], composed: Collection[Service], *, default: str) -> str:
    """
    The folder whose sub-folders are the bases that Dockerfiles start from, relative to the root.

    Returns:
        "" where nothing starts from such a base, or where the default folder has them all.
    """
    contexts = {(root / service.context).resolve() for service in found if service.context}
    tags = {normalize_reference(service.image) for service in composed if service.build}
    wanted = {name for service in found for name in _names(root, service, tags)}
    wanted -= set(base_names(root / default))
    counts: Counter[str] = Counter()
    for name in wanted:
        for path in _folders_called(root, name):
            if path.resolve() not in contexts:
                counts[os.path.relpath(path.parent, root)] += 1
    return counts.most_common(1)[0][0] if counts else ""


def _names(root: Path, service: FoundService, tags: Collection[str]) -> set[str]:
    """The images without a registry that a service's Dockerfile starts from, and no service is, by name."""
    if service.state != "has a Dockerfile":
        return set()
    try:
        file = load_dockerfile(root / service.dockerfile, args={})
        references = external_references(file, None)
    except ConfigError:
        return set()
    plain = (item for item in references if "/" not in item and normalize_reference(item) not in tags)
    return {item.partition("@")[0].partition(":")[0] for item in plain} - {"scratch"}


def _folders_called(root: Path, name: str) -> list[Path]:
    patterns = ("/".join(["*"] * depth + [name, "Dockerfile"]) for depth in range(_DEPTH))
    found = (path.parent for pattern in patterns for path in sorted(root.glob(pattern)))
    return [
        path for path in found if not any(part.startswith(".") or part == "node_modules" for part in path.parts[1:])
    ]
