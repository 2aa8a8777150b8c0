"""
Every error that the product raises on purpose, with its exit code and what to do next.

    LayerproofError        1
    ├── UsageError         2   a wrong name or flag
    │   └── ConfigError    2   a file that cannot be read, parsed or used
    │       ├── NoComposeFileError 2    there is none
    │       ├── RemoteContextError 2    the files to build from are at an address, not here
    │       └── WindowsPathError 2      the files lie on a Windows drive
    ├── NoEngineError      3   no Docker Engine, or one that lacks a part
    ├── BuildError         4   the build ran and failed
    ├── ProofError         1   the copy that a proof edits could not be made
    ├── AuditError         1   an image could not be exported or read
    ├── BenchError         1   a benchmark that measured nothing
    └── StackError         1   the stack did not start, or does not hold what it should

Findings and failed proofs are values, never exceptions. A bug keeps its traceback.
"""

from __future__ import annotations


class LayerproofError(Exception):
    """An error with an exit code and a `hint`: the next step, in one or two sentences; empty when there is none."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LayerproofError):
    """A name, a flag or a combination that does not exist."""

    exit_code = 2


class ConfigError(UsageError):
    """A file that cannot be read, parsed or used; the message starts with `path:line:` where both are known."""


class NoComposeFileError(ConfigError):
    """There is no compose file, and none was named."""


class RemoteContextError(ConfigError):
    """A build context that is an address: its files are not here to be read."""


class WindowsPathError(ConfigError):
    """A path on a Windows drive as WSL mounts it, from which nothing is built (R15)."""


class NoEngineError(LayerproofError):
    """No Docker Engine answers, or a part of it (buildx, Compose) is missing or too old."""

    exit_code = 3


class BuildError(LayerproofError):
    """BuildKit ran the build and the build failed."""

    exit_code = 4


class ProofError(LayerproofError):
    """The proof could not be run: its copy of the build contexts could not be made or changed."""


class AuditError(LayerproofError):
    """An image could not be exported, or its export not be read."""


class BenchError(LayerproofError):
    """A benchmark could not be run, or what it measured was not what it was meant to."""


class StackError(LayerproofError):
    """The Compose stack did not start, or does not hold what it should."""
