"""
The tasks as nox sessions, for a noxfile.py of your own: `from layerproof.sessions import check, prove`.

Only what is imported becomes a session; nox itself is imported with the first one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import nox

# By the session's name: the words of its command, and the line that `nox --list` shows.
_SESSIONS = {
    "validate": (("check", "--tool", "layerproof"), "Compose and Dockerfiles against the rules; needs no engine."),
    "check": (("check",), "The rules, hadolint and BuildKit's own checks, as far as they are there."),
    "build": (("build",), "Build services, bases first, and only what is stale."),
    "prove": (("prove",), "Prove on the real engine that an edit re-runs only what it should."),
    "audit": (("audit",), "What is inside the built images that should not be."),
}
_made: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    """
    Register a session the first time it is imported.

    Raises:
        AttributeError: there is no such session.
    """
    if name not in _SESSIONS:
        raise AttributeError(f"layerproof.sessions has {', '.join(_SESSIONS)}, but no {name}")
    if name not in _made:
        import nox

        # The command runs with the Python that nox runs with, where layerproof is.
        _made[name] = nox.session(name=name, venv_backend="none")(_session(name))
    return _made[name]


def _session(name: str) -> Callable[[nox.Session], None]:
    words, line = _SESSIONS[name]

    def run(session: nox.Session) -> None:
        session.run(sys.executable, "-m", "layerproof", *words, *session.posargs, external=True)

    run.__doc__ = f"{line} What follows `--` goes to the task."
    run.__name__ = name
    return run
