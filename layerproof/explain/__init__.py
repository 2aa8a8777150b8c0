"""Why steps run: what goes into them now, compared with what went into them before. Never a guess."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

from msgspec import Struct

from layerproof.dockerfile import short_instruction
from layerproof.explain.differences import Difference, differences, not_known
from layerproof.explain.pairs import pair_steps
from layerproof.ingredients import Ingredients, StepId, Trace
from layerproof.model import CauseKind, StepCause

MAX_ROOTS = 3
# Where several things changed at once, the first of these names the cause; the detail has them all.
_ORDER: tuple[CauseKind, ...] = ("instruction", "argument", "file", "mode", "base")

# The cause, its detail, and the step that began it.
_Found = tuple[CauseKind, tuple[str, ...], str]


class Past(Struct, frozen=True):
    """
    An earlier build.

    Attributes:
        traces: of its images, by name.
        done: the lines of the steps that were built or found in the cache, by image; an image that is missing is whole.
        builder: which builder it ran on, "" where that is not known.
    """

    traces: Mapping[str, Trace]
    done: Mapping[str, Collection[int]]
    builder: str = ""


def explain(
    image: str,
    lines: Collection[int],
    *,
    now: Mapping[str, Trace],
    past: Past | None,
    builder: str = "",
    forced: bool = False,
    maybe: Collection[int] = (),
    cached: Collection[StepId] = (),
) -> tuple[StepCause, ...]:
    """
    One cause for each of an image's steps that ran.

    Args:
        lines: of the steps that ran, or will.
        now: the traces of the build to explain; `past` is the one before it, None where there is none on record.
        builder: which one ran it.
        forced: the cache was not to be used.
        maybe: those of `lines` that run only if what they copy turns out to be different.
        cached: steps that came from the cache: within an image, none of them has made another one run.
    """
    find: Callable[[int], _Found]
    if forced:
        find = _always("no-cache", "the build was told not to use the cache")
    elif past is None or image not in past.traces:
        find = _always("first", "there is no build before it on record")
    else:
        comparison = _Comparison(now, past, {(image, line) for line in lines}, cached)
        find = partial(comparison.cause, image, builder=builder)
    return tuple(_step_cause(now[image], line, *find(line), is_certain=line not in maybe) for line in sorted(lines))


def _always(kind: CauseKind, reason: str) -> Callable[[int], _Found]:
    return lambda _: (kind, (reason,), "")


def _step_cause(
    trace: Trace, line: int, kind: CauseKind, detail: tuple[str, ...], root: str, *, is_certain: bool
) -> StepCause:
    stage, number = next(place for place, at in trace.flow.numbers.items() if at == line)
    numbers = [count for name, count in trace.flow.numbers if name == stage]
    # BuildKit counts the FROM of an image here, too, but never shows it.
    base = trace.steps[line].node.stage.base
    of_image = min(numbers) == 1 and base == trace.steps[line].node.state.base and base != "scratch"
    total = max(numbers) + (1 if of_image else 0)
    text = short_instruction(trace.steps[line].node.instruction.text)
    return StepCause(trace.image.name, stage, number, total, text, line, kind, detail, root, is_certain)


class _Comparison:
    """Two builds side by side, and which steps ran in the later one, and which did not."""

    def __init__(
        self, now: Mapping[str, Trace], past: Past, ran: Collection[StepId], cached: Collection[StepId]
    ) -> None:
        self._now, self._past, self._ran, self._cached = now, past, ran, cached
        self._pairs: dict[str, dict[int, int]] = {}
        self._found: dict[StepId, list[Difference]] = {}

    def cause(self, image: str, line: int, *, builder: str) -> _Found:
        """The cause of a step of an image that was built before."""
        step = (image, line)
        own = self._differences(step)
        if own:
            return *_named(own), ""
        roots = self._roots(step)
        if roots:
            detail = [text for root in roots[:MAX_ROOTS] for text in self._began(step, root)]
            return "parent", tuple(detail), f"{roots[0][0]}:{roots[0][1]}"
        for at in self._upstream(step):
            missing = self._missing(at) if at in self._ran else ""
            if missing:
                where = "" if at == step else f"{self._called(step, at)} ran before it; "
                return "unknown", (f"{where}not on record: {missing}",), ""
        return *self._gone(step, builder), ""

    def _began(self, step: StepId, root: StepId) -> Iterator[str]:
        """The step that began it, as a reader finds it, and why that one is another one than before."""
        ran = (
            "comes from the cache, but is not as before"
            if root in self._cached and root[0] == step[0]
            else "ran before it"
        )
        yield f"{self._called(step, root)} {ran}"
        yield from _named(self._differences(root))[1]

    def _called(self, step: StepId, at: StepId) -> str:
        where = "" if at[0] == step[0] else f"{at[0]} "
        return f"{where}`{short_instruction(self._of(at).node.instruction.text)}` on line {at[1]}"

    def _missing(self, step: StepId) -> str:
        """What the evidence of a step lacks; "" for nothing."""
        if not self._is_known(step) or step[1] not in self._pair(step[0]):
            return ""
        new, old = self._of(step), self._before(step)
        return "what was at the address it fetches from" if new.fetches else new.unsure or old.unsure or not_known(new)

    def _gone(self, step: StepId, builder: str) -> tuple[CauseKind, tuple[str, ...]]:
        image, line = step
        if self._of(step).keys.key != self._before(step).keys.key:
            return "unknown", ("something that goes into it differs, and what is not on record",)
        done = self._past.done.get(image)
        if done is not None and self._pair(image)[line] not in done:
            return "unfinished", ("the build before ended before this step was done",)
        if builder and self._past.builder and builder != self._past.builder:
            return "record-gone", (
                f"this builder, {builder}, has a cache of its own; before, it was {self._past.builder}",
            )
        return "record-gone", ("nothing that goes into it has changed: its cache record was dropped since",)

    def _of(self, step: StepId) -> Ingredients:
        return self._now[step[0]].steps[step[1]]

    def _before(self, step: StepId) -> Ingredients:
        return self._past.traces[step[0]].steps[self._pair(step[0])[step[1]]]

    def _pair(self, image: str) -> dict[int, int]:
        if image not in self._pairs:
            self._pairs[image] = pair_steps(self._past.traces[image], self._now[image])
        return self._pairs[image]

    def _is_known(self, step: StepId) -> bool:
        """Whether both builds can tell of the image that a step belongs to."""
        return step[0] in self._now and step[1] in self._now[step[0]].steps and step[0] in self._past.traces

    def _differences(self, step: StepId) -> list[Difference]:
        """What differs of a step itself; of one that is new, that."""
        if not self._is_known(step):
            return []
        if step[1] not in self._pair(step[0]):
            return [("instruction", "it is new")]
        if step not in self._found:
            old, new = self._before(step), self._of(step)
            self._found[step] = [*differences(old, new), *self._of_place(old, new)]
        return self._found[step]

    def _of_place(self, old: Ingredients, new: Ingredients) -> Iterator[Difference]:
        """A step that stood before it and is gone, or others that it stands on and copies from now."""
        if old.base and new.base and old.base.name != new.base.name:
            return  # it starts from something else, which is told
        before = self._counterpart(new.before)
        if before != old.before and not (new.before and before is None):
            gone = self._past.traces[old.before[0]].steps[old.before[1]] if old.before else None
            text = f"`{short_instruction(gone.node.instruction.text)}`" if gone else old.base.name if old.base else ""
            yield "instruction", f"it stood on {text}, and does not any more"
        copied = {self._counterpart(step) for step in new.copied}
        if None not in copied and copied != set(old.copied):
            ended = ", ".join(self._ended(step, self._past.traces) for step in old.copied)
            ends = ", ".join(self._ended(step, self._now) for step in new.copied)
            yield (
                "instruction",
                f"what it copies from ended with {ended or 'nothing'}, and ends with {ends or 'nothing'}",
            )

    @staticmethod
    def _ended(step: StepId, traces: Mapping[str, Trace]) -> str:
        return f"`{short_instruction(traces[step[0]].steps[step[1]].node.instruction.text)}`"

    def _counterpart(self, step: StepId | None) -> StepId | None:
        if step is None or not self._is_known(step):
            return step
        line = self._pair(step[0]).get(step[1])
        return None if line is None else (step[0], line)

    def _roots(self, step: StepId) -> list[StepId]:
        """The steps before one that are not as they were; those that came from the cache only where no other is."""
        for through in (False, True):
            found = [at for at in reversed(self._upstream(step, through=through)[1:]) if self._differences(at)]
            if found:
                return found
        return []

    def _upstream(self, step: StepId, *, through: bool = False) -> list[StepId]:
        """
        A step and all that its result depends on, the last one first. What came before a step of its image that was in
        the cache does not count, unless `through`; a base may have been built by itself since, and be in the cache so.
        """
        seen, waiting = {step}, [step]
        while waiting:
            at = waiting.pop()
            if self._is_known(at):
                new = self._of(at)
                found = {*new.copied, *([new.before] if new.before else [])} - seen
                found = {item for item in found if through or item[0] != step[0] or item not in self._cached}
                seen |= found
                waiting += found
        order = {image: n for n, image in enumerate(self._now)}
        found_first = sorted(seen - {step}, key=lambda item: (order.get(item[0], -1), item[1]), reverse=True)
        return [step, *found_first]


def _named(differences: Sequence[Difference]) -> tuple[CauseKind, tuple[str, ...]]:
    kinds = [kind for kind, _ in differences]
    first = next((kind for kind in _ORDER if kind in kinds), kinds[0])
    ordered = sorted(differences, key=lambda item: item[0] != first)
    return first, tuple(text for _, text in ordered)
