"""The watcher that tasks hand to a build: what draws is imported while docker starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from importlib import import_module

from layerproof.engine.ahead import in_background
from layerproof.model import Step
from layerproof.progress import BuildLog, BuildWatcher, labelled_target
from layerproof.tasks.console import err, say


class DrawingWatcher(BuildWatcher):
    """
    Live rows on a terminal, lines elsewhere.

    Args:
        note: said before anything is built.
        needed_later: modules to import while docker works.
    """

    def __init__(self, note: str = "", *, needed_later: Sequence[str] = ()) -> None:
        self._note = note
        self._needed_later = needed_later
        self._drawing: Future[BuildWatcher] | None = None

    def started(
        self, names: Sequence[str], *, stale: Sequence[str], owner: Callable[[Step], str] = labelled_target
    ) -> None:
        def begin() -> BuildWatcher:
            self.say_note()
            drawing = _for_console()
            drawing.started(names, stale=stale, owner=owner)
            return drawing

        def import_later() -> None:
            wait([drawing])
            for module in self._needed_later:
                import_module(module)

        self._drawing = drawing = in_background(begin)
        in_background(import_later)

    def say_note(self) -> None:
        """Say the note, once; for a build that never starts."""
        note, self._note = self._note, ""
        if note:
            say(note)

    def line(self, log: BuildLog) -> None:
        if self._drawing is not None:
            self._drawing.result().line(log)

    def finished(self) -> None:
        if self._drawing is not None:
            self._drawing.result().finished()


def _for_console() -> BuildWatcher:
    from layerproof.report.live import LineWatcher, LiveWatcher

    console = err()
    return LiveWatcher(console) if console.is_terminal else LineWatcher(console)
