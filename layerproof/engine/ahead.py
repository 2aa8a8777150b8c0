"""Answers of docker that are fetched while this process does something else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Ahead:
    """Each answer is handed out once, to the next who asks the same question; whoever asks again gets a new one."""

    def __init__(self) -> None:
        self._begun: list[tuple[object, Future[Any]]] = []

    def begin(self, question: object, fetch: Callable[[], object]) -> None:
        """Fetch the answer to a question in the background; an error of it is raised where it is asked for."""
        pool = ThreadPoolExecutor(max_workers=1)
        self._begun = [item for item in self._begun if item[0] != question]
        self._begun.append((question, pool.submit(fetch)))
        pool.shutdown(wait=False)

    def answer(self, question: object, fetch: Callable[[], T]) -> T:
        """The answer that was begun, or else one that is fetched now."""
        for item in self._begun:
            if item[0] == question:
                self._begun.remove(item)
                found: T = item[1].result()
                return found
        return fetch()
