"""Goals of the configuration against the ratios that were measured."""

from __future__ import annotations

from collections.abc import Sequence

from layerproof.bench.plan import BAKE, NAIVE, SEQUENCE
from layerproof.bench.results import GoalResult, Ratio
from layerproof.settings import BenchGoals


def judge(goals: BenchGoals, found: Sequence[Ratio]) -> tuple[GoalResult, ...]:
    """One result for each goal that is set and each ratio that it is about; one that was not measured has none."""
    results = []
    for ratio in found:
        about = ratio.service or "everything"
        factor = goals.edit_speedup.get(ratio.service)
        if ratio.kind == "edit" and ratio.other == NAIVE and factor is not None:
            results.append(
                GoalResult(
                    f"code edit of {about}: times faster than naive",
                    *(1 / ratio.median, 1 / ratio.high, 1 / ratio.low),
                    limit=factor,
                    at_least=True,
                )
            )
        if ratio.kind in ("noop", "edit") and ratio.other == BAKE and goals.warm_to_bake is not None:
            what = "no-op" if ratio.kind == "noop" else "code edit"
            results.append(_at_most(f"{what} of {about}: share of {BAKE}", ratio, goals.warm_to_bake))
        is_cold = ratio.kind == "cold" and not ratio.service and ratio.other == SEQUENCE
        if is_cold and goals.cold_to_sequence is not None:
            results.append(_at_most(f"cold build of {about}: share of the sequence", ratio, goals.cold_to_sequence))
        if ratio.kind == "size" and ratio.other == NAIVE and goals.size_to_naive is not None:
            results.append(_at_most(f"image of {about}: share of naive", ratio, goals.size_to_naive))
    return tuple(results)


def _at_most(goal: str, ratio: Ratio, limit: float) -> GoalResult:
    return GoalResult(goal, ratio.median, ratio.low, ratio.high, limit, at_least=False)
