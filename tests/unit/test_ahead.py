"""Answers that are fetched in the background."""

from __future__ import annotations

import pytest

from layerproof.engine.ahead import Ahead


def test_an_answer_is_handed_out_once_to_who_asks_the_same() -> None:
    ahead = Ahead()
    ahead.begin("a", lambda: 1)
    assert ahead.answer("b", lambda: 2) == 2
    assert ahead.answer("a", lambda: 3) == 1
    assert ahead.answer("a", lambda: 3) == 3


def test_of_two_that_were_begun_the_later_one_counts() -> None:
    ahead = Ahead()
    ahead.begin("a", lambda: 1)
    ahead.begin("a", lambda: 2)
    assert ahead.answer("a", lambda: 3) == 2
    assert ahead.answer("a", lambda: 3) == 3


def test_an_error_is_raised_where_the_answer_is_asked_for() -> None:
    def fails() -> int:
        raise KeyError("no engine")

    ahead = Ahead()
    ahead.begin("a", fails)
    with pytest.raises(KeyError, match="no engine"):
        ahead.answer("a", lambda: 1)
