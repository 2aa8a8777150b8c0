"""What an image is laid over: stages of its own Dockerfile, then those of the project's own bases, then an upstream."""

from __future__ import annotations

from collections.abc import Collection

from layerproof.dockerfile import find_stage
from layerproof.model import Image, Instruction, Stage
from layerproof.policy import target_stage
from layerproof.references import image_of_context, normalize_reference


def stage_chain(image: Image, stage: Stage | None = None) -> tuple[Stage, ...]:
    """A stage (the target for None) and, in turn, the stage of the file that it starts from."""
    found = [stage or target_stage(image)]
    while found[-1].base not in image.contexts:
        before = find_stage(image.dockerfile, found[-1].base, before=found[-1])
        if before is None:
            break
        found.append(before)
    return tuple(found)


def whole_chain(image: Image, images: Collection[Image], stage: Stage | None = None) -> tuple[tuple[Image, Stage], ...]:
    """
    The same on into other images of the project, each stage with its image.

    Args:
        images: all of the project.
    """
    found: list[tuple[Image, Stage]] = []
    seen: list[str] = []
    at: Image | None = image
    while at is not None and at.name not in seen:
        seen.append(at.name)
        chain = stage_chain(at, stage)
        found += [(at, item) for item in chain]
        name = at.contexts.get(chain[-1].base, normalize_reference(chain[-1].base))
        at = next((item for item in images if name in (item.tag, f"target:{item.name}")), None)
        stage = None
    return tuple(found)


def upstream_of(image: Image, images: Collection[Image], stage: Stage | None = None) -> str:
    """The image from outside that a stage comes from in the end; "" where a named context hides it."""
    owner, last = whole_chain(image, images, stage)[-1]
    context = owner.contexts.get(last.base)
    return last.base if context is None else image_of_context(context)


def last_instruction(chain: Collection[Stage], keyword: str) -> Instruction | None:
    """The instruction that holds of those of which only the last one does: CMD, USER."""
    found = (item for stage in chain for item in reversed(stage.instructions) if item.keyword == keyword)
    return next(found, None)
