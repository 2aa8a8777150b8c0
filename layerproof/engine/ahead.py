"""Answers of docker that are fetched while this process does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def in_background(fetch: Callable[[], T], *, daemon: bool = False) -> Future[T]:
    """
    Do something while this thread goes on; an error of it is raised where the result is taken.

    Args:
        daemon: a process that ends does not wait for it.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(fetch())
        except BaseException as error:  # noqa: BLE001  # raised where the answer is taken
            answer.set_exception(error)

    threading.Thread(target=run, daemon=daemon).start()
    return answer


class Ahead:
    """Each answer is handed out once, to the next who asks the same question; whoever asks again gets a new one."""

    def __init__(self) -> None:
        self._begun: list[tuple[object, Future[Any]]] = []

    def begin(self, question: object, fetch: Callable[[], object]) -> None:
        """
        Fetch the answer to a question in the background; an error of it is raised where it is asked for. A process that
        ends before does not wait for it.
        """
        self._begun = [item for item in self._begun if item[0] != question]
        self._begun.append((question, in_background(fetch, daemon=True)))

    def answer(self, question: object, fetch: Callable[[], T]) -> T:
        """The answer that was begun, or else one that is fetched now."""
        for item in self._begun:
            if item[0] == question:
                self._begun.remove(item)
                found: T = item[1].result()
                return found
        return fetch()
