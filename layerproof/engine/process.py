"""The only place that starts processes. Every child builds with BuildKit; Ctrl-C stops the child first."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar, cast

from msgspec import Struct

BUILDKIT_ENV = {"DOCKER_BUILDKIT": "1", "COMPOSE_DOCKER_CLI_BUILD": "1"}
STOP_GRACE_S = 10.0
_DRAIN_BYTES = 65536

T = TypeVar("T")
Child = subprocess.Popen[str]


class Completed(Struct, frozen=True):
    """A finished process; output decoded as UTF-8, undecodable bytes replaced."""

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    def tail(self, lines: int = 12) -> str:
        """The last lines of stderr, or of stdout where stderr is empty; of a Go program that crashed its reason."""
        text = (self.stderr.strip() or self.stdout.strip()).splitlines()
        crash = next((line for line in text if line.startswith("panic: ")), None)
        return crash.strip() if crash else "\n".join(text[-lines:])


def find_program(name: str) -> str | None:
    """The path of a program on PATH or in the system's administration folders; None where there is none."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with BuildKit switched on (R1), and `extra` over it."""
    return {**os.environ, **BUILDKIT_ENV, **(extra or {})}


def run(
    command: Sequence[str],
    *,
    stdin: str | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> Completed:
    """Run to the end and capture both streams. A program that does not exist gives exit code 127."""
    try:
        with subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=child_environment(environment),
            encoding="utf-8",
            errors="replace",
        ) as child:
            try:
                stdout, stderr = child.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired:
                _stop(child)
                return Completed(tuple(command), 124, "", f"{command[0]}: no answer after {timeout_s:.0f} s")
            except BaseException:
                _stop(child)
                raise
            return Completed(tuple(command), child.returncode, stdout, stderr)
    except FileNotFoundError:
        return Completed(tuple(command), 127, "", f"{command[0]}: command not found")


def read_output(command: Sequence[str], read: Callable[[IO[bytes]], T]) -> tuple[T | None, Completed]:
    """
    Hand the output of a program to `read` as it comes. Where the program failed, what was read of it is None; an error
    of `read` is its own only when the program has not.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=child_environment()
            )
        except FileNotFoundError:
            return None, Completed(tuple(command), 127, "", f"{command[0]}: command not found")
        with child:
            output = cast("IO[bytes]", child.stdout)
            try:
                result = read(output)
                while output.read(_DRAIN_BYTES):  # padding at its end
                    pass
            except BaseException as error:
                is_over = isinstance(error, Exception) and not output.read(1)
                if not is_over or not child.wait():
                    _stop(child)
                    raise
            code = child.wait()
        errors.seek(0)
        done = Completed(tuple(command), code, "", errors.read().decode("utf-8", "replace"))
    return (result if code == 0 else None), done


def run_on_terminal(
    command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> int:
    """Run with the user's own terminal, and give the exit code."""
    with subprocess.Popen(list(command), cwd=cwd, env=child_environment(environment)) as child:
        return _wait(child)


def start(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Child:
    """
    Start a program that `stream` is to give its stdin. stdout is dropped.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=child_environment(environment),
        encoding="utf-8",
        errors="replace",
    )


def stream(child: Child, *, stdin: str, on_line: Callable[[str], None]) -> int:
    """Give a program that was started its stdin, hand each line of stderr to `on_line`, and return the exit code."""
    with child:
        try:
            # A program that has ended before it read what it is given says why on stderr.
            with suppress(BrokenPipeError), cast("IO[str]", child.stdin) as given:
                given.write(stdin)
            for line in child.stderr or ():
                on_line(line)
        except BaseException:
            _stop(child)
            raise
        return _wait(child)


def drop(child: Child) -> None:
    """End a program that was started and given nothing; one that has ended stays as it is."""
    if child.poll() is None:
        child.kill()
    with suppress(BrokenPipeError), child:
        pass


def detach(command: Sequence[str], *, log: Path) -> None:
    """Start a program that outlives this process, its output appended to a file."""
    with log.open("ab") as stream:
        subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True)


def _wait(child: Child | subprocess.Popen[bytes]) -> int:
    try:
        return child.wait()
    except BaseException:
        _stop(child)
        raise


def _stop(child: Child | subprocess.Popen[bytes]) -> None:
    """End a child: ask, wait, then insist. A package manager in the middle of its work gets its time."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
    try:
        child.wait(STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
