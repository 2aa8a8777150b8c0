"""
The builds of a report as small as a page can carry them: what recurs stands once, in tables that rows point into.

report.js reads it; the two change together.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

# One letter a step.
_LETTERS = {"ran": "r", "cached": "c", "failed": "f", "started": "s", "not reached": "n", "unknown": "u"}
_QUIET = "cnu"


class _Table:
    """Values, each once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[Hashable, int] = {}

    def place(self, value: Hashable) -> int:
        """Where a value stands."""
        if value not in self._places:
            self._places[value] = len(self.values)
            self.values.append(value)
        return self._places[value]


def pack_builds(builds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """
    `{"names", "texts", "logs", "causes", "plans", "builds"}`; times are in milliseconds since the
    build began, -1 for none.

    A plan is what the steps of an image have in common between builds: `[stage, number, total, line, text]` of each. A
    build is `{"s": started, "k": kind, "w": wall_s, "e": explained, "i": images, "p": phases}`; an image
    `[name, action, plan, letters, starts, runs, note, before]`, where a run is `[step, duration, waited, log, cause]`
    of each step that did not come from the cache; a phase `[name, kind, start, duration]`.
    """
    tables = {name: _Table() for name in ("names", "texts", "logs", "causes", "plans")}
    packed = [
        {
            "s": build["started"],
            "k": build["kind"],
            "w": _ms(build["wall_s"]),
            "e": build["explained"],
            "i": [_image(image, tables) for image in build["images"]],
            "p": [
                [tables["names"].place(item["image"]), item["kind"], _ms(item["at_s"]), _ms(item["duration_s"])]
                for item in build["phases"]
            ],
        }
        for build in builds
    ]
    return {**{name: table.values for name, table in tables.items()}, "builds": packed}


def _image(image: Mapping[str, Any], tables: Mapping[str, _Table]) -> list[Any]:
    steps, texts = image["steps"], tables["texts"]
    plan = tuple(
        (step["stage"], step["number"], step["total"], step["line"], texts.place(step["text"])) for step in steps
    )
    letters = "".join(_LETTERS[step["state"]] for step in steps)
    return [
        tables["names"].place(image["image"]),
        image["action"],
        tables["plans"].place(plan),
        letters,
        [_ms(step["at_s"]) for step in steps],
        [_run(n, steps[n], tables) for n, letter in enumerate(letters) if letter not in _QUIET],
        texts.place(image["note"]),
        texts.place(image["before"]),
    ]


def _run(number: int, step: Mapping[str, Any], tables: Mapping[str, _Table]) -> list[Any]:
    cause = step["cause"]
    told = cause and (cause["cause"], tuple(cause["detail"]), cause["certain"])
    return [
        number,
        _ms(step["duration_s"]),
        _ms(step["waited_s"]),
        tables["logs"].place(tuple(step["log"])),
        -1 if told is None else tables["causes"].place(told),
    ]


def _ms(value: float | None) -> int:
    return -1 if value is None else round(value * 1000)


def json_block(document: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends or opens one."""
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
