"""Export the built images, look at what is inside, and hold it against what their configuration allows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from layerproof import graph
from layerproof.audit import Allowance, ImageAudit, Layer, LayerShare, SavedImage
from layerproof.audit.archive import read_archive
from layerproof.audit.compare import Comparison, compare
from layerproof.audit.judge import audit_image
from layerproof.dockerfile import find_stage
from layerproof.engine import Engine, ImageInfo
from layerproof.errors import UsageError
from layerproof.evidence import secret_values
from layerproof.kept import keep
from layerproof.model import Image, Project
from layerproof.references import normalize_reference
from layerproof.report.audit import audits_document
from layerproof.secret_names import names_secret, without_secrets
from layerproof.settings import AuditConfig
from layerproof.workflow.history import records_folder
from layerproof.workflow.load import configuration

_MEGABYTE = 1_000_000
# "RUN |1 MODE=fast /bin/sh -c npm ci", "/bin/bash -euo pipefail -c npm ci"
_SHELL = re.compile(r"^(?:RUN )?(?:\|\d+ .*? )?/\S*sh (?:-\S+ (?:pipefail )?)+", re.DOTALL)
_SETTING = re.compile(r"\b([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S+)")


Watch = Callable[[Layer], None]


def audit(
    project: Project, *, engine: Engine, names: Collection[str], watch: Watch = lambda _: None
) -> tuple[ImageAudit, ...]:
    """
    Look into the images of these names, as they were last built.

    Args:
        watch: told of each layer that has been read.

    Raises:
        UsageError: one of them has not been built.
        AuditError: they cannot be exported or read.
    """
    images = [image for image in project.images if image.name in names]
    local = engine.images()
    tags = {image.name: normalize_reference(image.tag) for image in images}
    missing = [name for name, tag in tags.items() if tag not in local]
    if missing:
        raise UsageError(f"not built yet: {', '.join(missing)}", hint="Run inv build first.")
    saved = _by_tag(engine.export([image.tag for image in images], partial(read_archive, watch=watch)))
    return tuple(_audit(project, image, saved[tags[image.name]], local) for image in images)


def keep_audits(
    project: Project, audits: Sequence[ImageAudit], *, clock: Callable[[], float] = time.time
) -> tuple[str, ...]:
    """
    Keep what was found for the report; what was found in other images stays.

    Returns:
        A warning where it cannot be kept.
    """
    document = audits_document(audits)
    return keep(records_folder(project), "audit", document, rows="images", by=("image",), at=clock())


def audit_against(
    project: Project, name: str, reference: str, *, engine: Engine, watch: Watch = lambda _: None
) -> Comparison:
    """
    Compare an image of the project, as it was last built, with any local image.

    Raises:
        UsageError: one of the two is not here.
        AuditError: they cannot be exported or read.
    """
    image = next(image for image in project.images if image.name == name)
    local = engine.images()
    for tag in (image.tag, reference):
        # An id or a digest is left to the engine.
        if normalize_reference(tag) not in local and not re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}|.+@sha256:.+", tag):
            raise UsageError(f"there is no local image {tag}", hint="docker image ls shows those that are here.")
    read = partial(read_archive, digests=True, watch=watch)
    (saved,), (saved_before,) = engine.export([image.tag], read), engine.export([reference], read)
    known = local.get(normalize_reference(reference))
    now = _audit(project, image, saved, local)
    shares = _shares(saved_before, {}, local, hidden=())
    before = audit_image(
        saved_before,
        image=reference,
        tag=reference,
        identifier=known.id if known else reference,
        layers=shares,
        allowance=Allowance(),
    )
    return compare(now, before, saved=saved, saved_before=saved_before)


def _by_tag(saved: Sequence[SavedImage]) -> dict[str, SavedImage]:
    return {normalize_reference(tag): image for image in saved for tag in image.tags}


def _audit(project: Project, image: Image, saved: SavedImage, local: Mapping[str, ImageInfo]) -> ImageAudit:
    settings = configuration(project).service(image.service).audit if image.service else AuditConfig()
    below = [other for other in graph.with_parents(project.images, [image.name]) if other.name != image.name]
    origins = {other.tag: other.tag for other in below}
    origins |= {name: name for other in (*below, image) for name in other.upstreams}
    return audit_image(
        saved,
        image=image.name,
        tag=image.tag,
        identifier=local[normalize_reference(image.tag)].id,
        layers=_shares(saved, origins, local, hidden=secret_values(image), image=image),
        allowance=Allowance(_bytes(settings.max_size_mb), _bytes(settings.max_wasted_mb), settings.allow),
    )


def _bytes(megabytes: float | None) -> int | None:
    return None if megabytes is None else round(megabytes * _MEGABYTE)


def _shares(
    saved: SavedImage,
    origins: Mapping[str, str],
    local: Mapping[str, ImageInfo],
    *,
    hidden: Collection[str],
    image: Image | None = None,
) -> tuple[LayerShare, ...]:
    """Each layer with the instruction that made it, and the image or the stage that it comes from."""
    steps = [entry for entry in saved.config.get("history") or () if not entry.get("empty_layer")]
    ids = tuple((saved.config.get("rootfs") or {}).get("diff_ids") or ())
    found = []
    for number, layer in enumerate(saved.layers):
        # A tool that squashes layers, or writes no history, leaves none for some.
        text = str(steps[number].get("created_by") or "") if len(steps) == len(saved.layers) else ""
        origin = _origin(ids[: number + 1], origins, local) or (_stage(text, image) if image else "")
        found.append(LayerShare(layer.size_bytes, _instruction(text, hidden), origin))
    return tuple(found)


def _origin(ids: tuple[str, ...], origins: Mapping[str, str], local: Mapping[str, ImageInfo]) -> str:
    """The lowest image that begins with these layers; "" for none."""
    holders = [
        (len(info.layer_ids), name)
        for reference, name in origins.items()
        if (info := local.get(normalize_reference(reference))) is not None and info.layer_ids[: len(ids)] == ids
    ]
    return min(holders)[1] if holders else ""


def _stage(text: str, image: Image) -> str:
    """The stage that a layer of an image's own Dockerfile was copied from, or the one that made it."""
    last = stage = find_stage(image.dockerfile, image.target)
    made_by = _instruction(text, ())
    while stage is not None:
        for instruction in stage.instructions:
            if " ".join([instruction.keyword, *" ".join(instruction.values).split()]) == made_by:
                sources = (flag.removeprefix("--from=") for flag in instruction.flags if flag.startswith("--from="))
                return f"stage {next(sources, stage.name or stage.index)}"
        stage = find_stage(image.dockerfile, stage.base, before=stage)
    # Its text has variables in it, which the history shows with their values.
    return f"stage {last.name}" if last and last.name else "its own Dockerfile"


def _instruction(text: str, hidden: Collection[str]) -> str:
    """The instruction as it was written, without what BuildKit puts around it, and without secrets."""
    plain = text.partition(" # buildkit")[0]
    # Builders before BuildKit: "/bin/sh -c #(nop) COPY file:0123 in /app"
    plain = plain.partition("#(nop)")[2] if "#(nop)" in plain else _SHELL.sub("RUN ", plain, count=1)
    masked = _SETTING.sub(lambda found: f"{found[1]}=(masked)" if names_secret(found[1]) else found[0], plain)
    return " ".join(without_secrets(masked, hidden).split())
