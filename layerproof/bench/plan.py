"""What is measured, by whom, how often, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from msgspec import Struct

OURS = "inv build"
BAKE = "docker buildx bake"
COMPOSE = "docker compose build"
SEQUENCE = "docker build"
NAIVE = "naive"
# On the same Dockerfiles; the naive ones are another matter.
TOOLS = (OURS, BAKE, COMPOSE, SEQUENCE)
PARTS = ("naive", "tools")

Kind = Literal["cold", "noop", "edit", "manifest"]


class Job(Struct, frozen=True):
    """One thing that is measured: `service` is "" for everything; `edited` says that each build gets an edit first."""

    kind: Kind
    service: str
    contestants: tuple[str, ...]

    @property
    def edited(self) -> bool:
        """Whether each contestant builds an edit of its own."""
        return self.kind in ("edit", "manifest")


class Plan(Struct, frozen=True):
    """
    Attributes:
        cold: the jobs that start from nothing, `cold_rounds` times each.
        slow: the jobs that install dependencies again, `cold_rounds` times each, among the first warm rounds.
        warm: the jobs of every round.
    """

    cold: tuple[Job, ...]
    slow: tuple[Job, ...]
    warm: tuple[Job, ...]
    rounds: int
    cold_rounds: int

    @property
    def contestants(self) -> tuple[str, ...]:
        """Everybody who takes part, in the order of the first appearance."""
        jobs = (*self.cold, *self.slow, *self.warm)
        return tuple(dict.fromkeys(name for job in jobs for name in job.contestants))

    def count(self, kind: Kind) -> int:
        """How many commands of a kind are measured."""
        jobs = ((self.cold, self.cold_rounds), (self.slow, self.cold_rounds), (self.warm, self.rounds))
        return sum(len(job.contestants) * times for group, times in jobs for job in group if job.kind == kind)

    def measured(self) -> Iterator[tuple[Job, int, str]]:
        """Each warm measurement in turn: the job, its round from 0, and the contestant."""
        for number in range(max(self.rounds, self.cold_rounds)):
            jobs = [
                *(self.warm if number < self.rounds else ()),
                *(self.slow if number < self.cold_rounds else ()),
            ]
            for job in jobs:
                for name in in_turn(job.contestants, number):
                    yield job, number, name


def make_plan(
    services: Sequence[str],
    *,
    naive: Collection[str],
    parts: Collection[str],
    editable: Collection[str],
    with_manifest: Collection[str],
    rounds: int,
    cold_rounds: int,
) -> Plan:
    """
    Args:
        naive: the services that have a naive Dockerfile.
        parts: `naive`, `tools` or both.
        editable: the services that have an application file to edit.
        with_manifest: those that have a manifest to edit.
    """
    beside = [name for name in services if name in naive and "naive" in parts]
    tools = TOOLS if "tools" in parts else (OURS,)
    pair = (NAIVE, OURS)
    cold = [Job("cold", name, pair) for name in beside]
    warm = [Job("noop", name, pair) for name in beside]
    if "tools" in parts:
        cold.append(Job("cold", "", TOOLS))
        warm.append(Job("noop", "", TOOLS))
    for name in services:
        contestants = (*tools, NAIVE) if name in beside else tools
        if name in editable and len(contestants) > 1:
            warm.append(Job("edit", name, contestants))
    slow = [Job("manifest", name, pair) for name in beside if name in with_manifest]
    return Plan(tuple(cold), tuple(slow), tuple(warm), rounds, cold_rounds)


def in_turn(names: Sequence[str], number: int) -> tuple[str, ...]:
    """
    The contestants in the order of a round: each round another one begins, and every other round they come the other
    way round, so that nobody is always measured after the same one.
    """
    step = -1 if number % 2 else 1
    return tuple(names[(number + step * place) % len(names)] for place in range(len(names)))
