"""What builds on record were made of, as far as a waterfall needs it: the text of each step, and what it waited for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from layerproof.builds import Build, load_evidence
from layerproof.evidence import Evidence, secret_values
from layerproof.ingredients import StepId, trace
from layerproof.model import Step, StepState
from layerproof.secret_names import without_secrets

_STARTED = (StepState.RAN, StepState.STARTED, StepState.FAILED)


class Recipe(Struct, frozen=True):
    """Of one image, by line: the texts of its steps, secrets masked, and the steps that each stands on."""

    texts: Mapping[int, str]
    stands_on: Mapping[int, tuple[StepId, ...]]


class Recipes:
    """Those of the images of any builds on record; what several builds share is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._evidence: dict[str, Evidence | None] = {"": None}
        self._recipes: dict[tuple[str, ...], Recipe] = {}

    def of(self, build: Build, name: str) -> Recipe | None:
        """The recipe of an image of a build; None where what went into it is not on record."""
        made_of: dict[str, str] = {}
        self._enter(build, name, made_of)
        if name not in made_of:
            return None
        key = tuple(made_of.values())
        if key not in self._recipes:
            evidence = {image: found for image, item in made_of.items() if (found := self._evidence[item])}
            self._recipes[key] = _recipe(name, evidence)
        return self._recipes[key]

    def _enter(self, build: Build, name: str, made_of: dict[str, str]) -> None:
        """An image of a build after those that it needs, each with the name of what went into it."""
        image = build.images.get(name)
        if image is None or name in made_of:
            return
        if image.evidence not in self._evidence:
            self._evidence[image.evidence] = load_evidence(self._folder, image.evidence, with_files=False)
        found = self._evidence[image.evidence]
        if found is not None:
            for parent in found.image.parents:
                self._enter(build, parent, made_of)
            made_of[name] = image.evidence


def ends_of(build: Build) -> dict[StepId, float]:
    """When each step of a build was done."""
    return {
        (name, step.line): step.started + step.duration_s
        for name, image in build.images.items()
        for step in image.steps
        if step.started is not None and step.line is not None
    }


def waited_s(step: Step, recipe: Recipe | None, *, began: float, ends: Mapping[StepId, float]) -> float | None:
    """
    How long a step that ran had waited when it began: since the last of the steps it stands on was done, or since the
    build began. None for a step that did not run, and where it is not known what it stands on.
    """
    before = recipe.stands_on.get(step.line or 0) if recipe else None
    if before is None or step.started is None or step.state not in _STARTED:
        return None
    ready = [ends[at] for at in before if at in ends]
    return max(0.0, step.started - max(ready, default=began))


def text_of(recipe: Recipe | None, step: Step) -> str:
    """The text of a step as its Dockerfile had it; "" where that is not known."""
    return recipe.texts.get(step.line or 0, "") if recipe else ""


def _recipe(name: str, evidence: Mapping[str, Evidence]) -> Recipe:
    found, hidden = trace(evidence)[name], secret_values(evidence[name].image)
    return Recipe(
        texts={line: without_secrets(item.node.instruction.text.strip(), hidden) for line, item in found.steps.items()},
        stands_on={
            line: (*((item.before,) if item.before else ()), *item.copied) for line, item in found.steps.items()
        },
    )
