"""What a finished process says of itself."""

from __future__ import annotations

import pytest

from layerproof.engine.process import Completed


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [
        ("", "one\ntwo\nthree\n", "two\nthree"),
        ("told here\n", " \n", "told here"),
        (
            "",
            "warning\npanic: runtime error: nil\n\tagain\n\ngoroutine 1 [running]:\nmain()\n",
            "panic: runtime error: nil",
        ),
    ],
)
def test_the_tail_of_a_process_is_its_last_words_and_the_reason_of_a_crash(stdout: str, stderr: str, said: str) -> None:
    assert Completed(("docker",), 1, stdout, stderr).tail(2) == said
