"""What a benchmark found: times, sizes, and their ratios with spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from layerproof.bench.plan import OURS, Kind


class Measurement(Struct, frozen=True):
    """
    The times of one contestant in one job, one a round. `service` is "" for everything; `ran` is how many steps each
    build ran, which shows that an edit was really built.
    """

    kind: Kind
    service: str
    contestant: str
    times_s: tuple[float, ...]
    ran: tuple[int, ...]

    @property
    def median_s(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.times_s)


class Size(Struct, frozen=True):
    """The size of one contestant's image of a service."""

    service: str
    contestant: str
    size_bytes: int


class Ratio(Struct, frozen=True):
    """
    How ours compares with another contestant: ours by theirs, so less than 1 is better. Of times it is taken round by
    round, since a round's two builds have met the same noise: the median, the lowest and the highest of them.
    """

    kind: str
    service: str
    other: str
    median: float
    low: float
    high: float


class GoalResult(Struct, frozen=True):
    """
    Whether a goal holds. `value` is what was measured, with its spread from `low` to `high`; `at_least` says which way
    the limit is meant.
    """

    goal: str
    value: float
    low: float
    high: float
    limit: float
    at_least: bool

    @property
    def held(self) -> bool:
        """The median decides."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class BenchReport(Struct, frozen=True):
    """
    One benchmark. `date` is ISO 8601 in UTC; `machine` and `versions` are texts by name; `notes` say what was left out
    and what was odd; `lab` says that stand-in images were used.
    """

    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    lab: bool
    wall_s: float
    measurements: tuple[Measurement, ...]
    sizes: tuple[Size, ...]
    notes: tuple[str, ...] = ()
    goals: tuple[GoalResult, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether every goal that could be judged holds; without goals there is nothing to miss."""
        return all(goal.held for goal in self.goals)


def ratios(measurements: Sequence[Measurement], sizes: Iterable[Size]) -> tuple[Ratio, ...]:
    """Ours by everybody else's, job by job, and size by size."""
    ours = {(item.kind, item.service): item for item in measurements if item.contestant == OURS}
    found = []
    for item in measurements:
        own = ours.get((item.kind, item.service))
        if own is not None and item is not own:
            each = [mine / theirs for mine, theirs in zip(own.times_s, item.times_s, strict=True)]
            found.append(Ratio(item.kind, item.service, item.contestant, statistics.median(each), min(each), max(each)))
    sizes = list(sizes)
    own_sizes = {item.service: item.size_bytes for item in sizes if item.contestant == OURS}
    for size in sizes:
        if size.contestant != OURS and size.service in own_sizes:
            value = own_sizes[size.service] / size.size_bytes
            found.append(Ratio("size", size.service, size.contestant, value, value, value))
    return tuple(found)
