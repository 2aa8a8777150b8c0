"""Causes of steps as text that stays readable at 80 columns, and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from layerproof.model import Explanation, StepCause

SCHEMA = 1
_STYLES = {"record-gone": "yellow", "unknown": "yellow", "first": "dim", "parent": "dim", "no-cache": "dim"}


def render_why(explanations: Sequence[Explanation], *, tense: str = "ran") -> RenderableType:
    """
    Each image with its steps, and under the steps their cause; images of which there is nothing to tell come last.

    Args:
        tense: `ran` for a build that was made, `runs` for one that was not.
    """
    told = [part for item in explanations if item.causes for part in _image(item, tense)]
    quiet: dict[str, list[str]] = {}
    for item in explanations:
        if not item.causes:
            quiet.setdefault(item.note, []).append(item.image)
    lines = [Text.assemble((", ".join(names), "bold"), (f"  {note}", "dim")) for note, names in quiet.items()]
    return Group(*told, *lines)


def cause_line(cause: StepCause) -> str:
    """deps 3/4 RUN npm ci ran again: package.json changed"""
    return f"{_place(cause)} {cause.instruction} ran again: {'; '.join(cause.detail)}"


def why_document(explanations: Sequence[Explanation]) -> dict[str, Any]:
    """
    `{"schema", "images": [{"image", "now", "before", "note", "cached", "causes": [{"step", "stage", "line", "cause",
    "detail": [text], "certain"}]}]}`; `note` says why there is nothing to explain, "" otherwise; `cached` counts the
    steps that came from the cache.
    """
    images = [
        {
            "image": item.image,
            "now": item.now,
            "before": item.before,
            "note": item.note,
            "cached": item.cached,
            "causes": [cause_document(cause) for cause in item.causes],
        }
        for item in explanations
    ]
    return {"schema": SCHEMA, "images": images}


def cause_document(cause: StepCause) -> dict[str, Any]:
    """`{"step", "stage", "line", "cause", "detail", "certain"}`"""
    return {
        "step": f"{_place(cause)} {cause.instruction}",
        "stage": cause.stage,
        "line": cause.line,
        "cause": cause.cause,
        "detail": list(cause.detail),
        "certain": cause.is_certain,
    }


def _image(item: Explanation, tense: str) -> Iterator[RenderableType]:
    against = f"{item.now}, against {item.before}" if item.before else item.now
    yield Text.assemble(
        (item.image, "bold"), (f"  {against}", "dim"), (f"  {item.note}" if item.note else "", "yellow")
    )
    for (kind, detail, is_certain), same in groupby(item.causes, key=_reason):
        for cause in same:
            line = Text.assemble((f"line {cause.line}", "dim"), f"  {_place(cause)} ", (cause.instruction, "bold"))
            line.no_wrap, line.overflow = True, "ellipsis"
            yield Padding(line, (0, 0, 0, 2), expand=False)
        maybe = "" if is_certain else f"{tense} only if what is copied turns out different: "
        reason = Text.assemble((kind, _STYLES.get(kind, "cyan")), ": ", maybe, "; ".join(detail))
        yield Padding(reason, (0, 0, 0, 6), expand=False)
    many = "1 step" if item.cached == 1 else f"{item.cached} steps"
    yield Padding(Text(f"{many} from the cache", style="dim"), (0, 0, 0, 2), expand=False)


def _reason(cause: StepCause) -> tuple[str, tuple[str, ...], bool]:
    return cause.cause, cause.detail, cause.is_certain


def _place(cause: StepCause) -> str:
    return f"{cause.stage} {cause.number}/{cause.total}"
