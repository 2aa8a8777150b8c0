"""Which step of one Dockerfile is which of another: by stage, and in each stage by the likeness of the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from layerproof.flow import Node
from layerproof.ingredients import Trace
from layerproof.model import Stage

# From here on two texts are taken for one that was edited.
_LIKE = 0.5


def pair_steps(old: Trace, new: Trace) -> dict[int, int]:
    """The line of each step in the Dockerfile before, by its line now; a step without a counterpart is left out."""
    olds, news = _by_stage(old), _by_stage(new)
    names = {name: name for name in news if name in olds}
    left = [name for name in olds if name not in names]
    # A stage that has only got another name.
    names |= dict(zip([name for name in news if name not in names], left, strict=False))
    pairs: dict[int, int] = {}
    for name, before in names.items():
        pairs |= dict(_pair_nodes(olds[before], news[name]))
    return pairs


def _by_stage(trace: Trace) -> dict[str, list[Node]]:
    stages: dict[str, list[Node]] = {}
    for ingredients in trace.steps.values():
        stages.setdefault(_name(ingredients.node.stage, trace), []).append(ingredients.node)
    return stages


def _name(stage: Stage, trace: Trace) -> str:
    """Of two unnamed stages at the end, each is the counterpart of the other, whatever their numbers are."""
    is_last = stage == trace.image.dockerfile.stages[-1]
    return (stage.name or ("" if is_last else f"stage-{stage.index}")).lower()


def _pair_nodes(old: Sequence[Node], new: Sequence[Node]) -> Iterator[tuple[int, int]]:
    texts = [[raw_text(node) for node in nodes] for nodes in (old, new)]
    for tag, start, end, start_now, end_now in SequenceMatcher(a=texts[0], b=texts[1], autojunk=False).get_opcodes():
        if tag == "equal":
            yield from ((b.line, a.line) for a, b in zip(old[start:end], new[start_now:end_now], strict=True))
        elif tag == "replace":
            yield from _pair_rewritten(old[start:end], new[start_now:end_now])


def _pair_rewritten(old: Sequence[Node], new: Sequence[Node]) -> Iterator[tuple[int, int]]:
    """A step before goes with the one now that is most like it; where none is, with the first that does the same."""
    waiting = list(new)
    for item in old:
        same = [node for node in waiting if node.instruction.keyword == item.instruction.keyword]
        if same:
            likeness = [SequenceMatcher(None, raw_text(item), raw_text(node)).ratio() for node in same]
            chosen = same[likeness.index(max(likeness))] if max(likeness) >= _LIKE else same[0]
            yield chosen.line, item.line
            del waiting[: waiting.index(chosen) + 1]


def raw_text(node: Node) -> str:
    """An instruction as written, on one line."""
    return " ".join(node.instruction.text.split())
