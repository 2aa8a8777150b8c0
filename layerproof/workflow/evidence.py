"""Look at all that goes into the images of a project, reading again only what has changed since the last look."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from layerproof import records
from layerproof.atomic import write_atomically
from layerproof.context import ignore_file_of, load_context
from layerproof.digests import DigestIndex, load_index
from layerproof.engine import ImageInfo
from layerproof.evidence import Evidence, Listing, Upstream, make_evidence
from layerproof.model import Image, Project
from layerproof.paths import STATE_FOLDER, is_folder
from layerproof.references import normalize_reference


class Gatherer:
    """
    Looks at build contexts; what it has read stays known until it is asked to save.

    Args:
        like: one whose digests of secrets can be compared with those of this one.
    """

    def __init__(self, project: Project, *, like: Gatherer | None = None) -> None:
        self._project = project
        self._indexes: dict[Path, DigestIndex] = {}
        self._key: bytes = like._key if like else _own_key(project.root / STATE_FOLDER / "key")

    def gather(
        self, images: Sequence[Image], local: Mapping[str, ImageInfo]
    ) -> tuple[dict[str, Evidence], tuple[str, ...]]:
        """
        What goes into each of these images, by name.

        Args:
            images: in build order and complete: every parent is among them.

        Returns:
            The evidence, and a warning for each context that layerproof's own state would reach.

        Raises:
            ConfigError: a build context cannot be read.
        """
        listed: dict[tuple[Path, Path | None], Listing] = {}
        warnings = []
        evidence = {}

        def listing(image: Image, folder: Path, dockerfile: Path | None) -> Listing:
            key = (folder, ignore_file_of(dockerfile, folder))
            if key not in listed:
                found = self._list(folder, dockerfile)
                own = f"{os.path.relpath(self._project.root / STATE_FOLDER, folder)}/"
                listed[key] = tuple(file for file in found if not file.path.startswith(own))
                if len(listed[key]) < len(found):
                    warnings.append(f"{own} reaches the build context of {image.name}: add it to the ignore file")
            return listed[key]

        for image in images:
            evidence[image.name] = make_evidence(
                image,
                listing(image, image.context, image.dockerfile.path),
                key=self._key,
                named={
                    name: listing(image, folder, None)
                    for name, value in image.contexts.items()
                    if is_folder(folder := Path(value))
                },
                upstreams={
                    name: Upstream(local[tag].id, local[tag].layers, local[tag].config)
                    for name in image.upstreams
                    if (tag := normalize_reference(name)) in local
                },
            )
        return evidence, tuple(warnings)

    def save(self) -> None:
        """Keep what was read for the next look."""
        for index in self._indexes.values():
            index.save()

    def _list(self, folder: Path, dockerfile: Path | None) -> Listing:
        if folder not in self._indexes:
            name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
            self._indexes[folder] = load_index(self._project.root / STATE_FOLDER / "index" / f"{name}.json")
        return load_context(folder, dockerfile=dockerfile, index=self._indexes[folder])


def fingerprints_of(evidence: Mapping[str, Evidence]) -> dict[str, str]:
    """What tells one build of each image from another, by name; each image after its parents."""
    found: dict[str, str] = {}
    for name, item in evidence.items():
        found[name] = records.fingerprint(
            item.image,
            files=item.files or (),
            named=item.named,
            parents={parent: found[parent] for parent in item.image.parents},
            upstream_ids={reference: upstream.id for reference, upstream in item.upstreams.items()},
        )
    return found


def _own_key(path: Path) -> bytes:
    """What the kept digests of secrets are made with; of a project that cannot be written to, it lasts for this run."""
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Of the state of this machine nothing belongs into a commit, whatever the repository's own file says.
            write_atomically(path.with_name(".gitignore"), b"*\n")
            write_atomically(path, secrets.token_bytes(32), mode=0o600)
        return path.read_bytes()
    except OSError:
        return secrets.token_bytes(32)
