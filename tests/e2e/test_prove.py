"""The proof on the real engine: what holds, what it leaves behind however it ends, and what cannot fool it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml
from msgspec.structs import replace

from layerproof.engine import BakeResult, LineSink
from layerproof.engine.docker import DockerEngine
from layerproof.model import Project
from layerproof.prove.plan import PROBES
from layerproof.workflow.load import load
from layerproof.workflow.prove import prove

from .conftest import COMMAND, LIMIT_S, Repo

SERVICES = {"pose-service": 30, "backend-api": 10, "frontend": 10}
SMALL = {
    "compose.yaml": "name: layerproof-small\nservices: {one: {build: ./one}, two: {build: ./two}}\n",
    "one/Dockerfile": "FROM node:18-bookworm-slim\nWORKDIR /app\nCOPY src ./src\nRUN cat src/main.js\n",
    "one/src/main.js": "// one\n",
    "two/Dockerfile": "FROM scratch\nCOPY src /src\n",
    "two/src/main.js": "// two\n",
}

Snapshot = dict[str, tuple[int, int, bytes]]


def snapshot(root: Path) -> Snapshot:
    """Every file of a tree with mode, time and content; the state folder of layerproof aside."""
    files = [path for path in root.rglob("*") if path.is_file() and ".layerproof" not in path.parts]
    return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def lines(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(done.stdout.splitlines())


@contextmanager
def untouched(repo: Repo, engine: DockerEngine) -> Iterator[None]:
    """Neither the tree nor the engine holds anything else afterwards; no copy is left."""
    listed = ["docker", "image", "ls", "--all", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"]
    containers = ["docker", "container", "ls", "--all", "--quiet"]
    before = snapshot(repo.root), lines(repo.call(listed)), lines(repo.call(containers))
    yield
    assert (snapshot(repo.root), lines(repo.call(listed)), lines(repo.call(containers))) == before
    assert not (repo.root / ".layerproof" / "proofs").exists()


@pytest.fixture
def small(repo: Repo, tmp_path: Path) -> Repo:
    """Two services that are built in a second; the folder's name has a space in it."""
    root = tmp_path / "a small one"
    for name, text in SMALL.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / ".dockerignore").write_text("README.md\n*.log\ndata\n*.pkl\n__pycache__\nnode_modules\n.env\n")
    environment = {key: value for key, value in repo.environment.items() if not key.startswith("COMPOSE_")}
    return replace(repo, root=root, environment=environment)


def load_small(small: Repo, engine: DockerEngine) -> Project:
    return load(small.root, engine=engine, environment=small.environment)


def start_proof(repo: Repo, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(COMMAND), "prove", *words],
        cwd=repo.root,
        env={**repo.environment, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Started in the background, this process may ignore the signal, and a child would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_line(child: subprocess.Popen[str], text: str) -> None:
    assert child.stderr is not None
    assert any(text in line for line in child.stderr), f"the proof ended without {text!r}"


def test_every_probe_of_every_service_holds_and_nothing_is_left_behind(built: Repo, engine: DockerEngine) -> None:
    with untouched(built, engine):
        done = json.loads(built.run("prove", "--format", "json").stdout)
    verdicts = {(item["image"], item["probe"]): item for item in done["verdicts"]}
    assert set(verdicts) == {(service, probe) for service in SERVICES for probe in PROBES}
    assert {item["outcome"] for item in verdicts.values()} == {"held"}
    assert done["passed"] is True
    for service, budget_s in SERVICES.items():
        source = verdicts[service, "source"]
        assert 0 < source["steps_s"] < source["wall_s"] < source["budget_s"] == budget_s
        assert {step["stage"] for step in source["ran"]} <= {"build", "runtime"}
        started = {step["instruction"] for step in verdicts[service, "manifest"]["ran"] if step["state"] == "started"}
        assert any("npm ci" in text or "uv pip install" in text for text in started)
        assert verdicts[service, "noop"]["ran"] == []
        assert len(verdicts[service, "noop"]["cached"]) > 10


def test_the_full_proof_waits_for_installs_and_builds_their_result_again(built: Repo, engine: DockerEngine) -> None:
    with untouched(built, engine):
        words = ("--full", "--service", "backend-api", "--probe", "manifest", "--probe", "base")
        done = json.loads(built.run("prove", *words, "--format", "json").stdout)
    assert {item["probe"]: item["outcome"] for item in done["verdicts"]} == {"manifest": "held", "base": "held"}
    assert {step["state"] for item in done["verdicts"] for step in item["ran"]} == {"ran"}


def test_junit_has_a_case_for_each_probe(small: Repo) -> None:
    done = small.run("prove", "--service", "one", "--format", "junit")
    (suite,) = JUnitXml.fromstring(done.stdout.encode())
    assert [case.name for case in suite] == list(PROBES)
    assert {case.name for case in suite if case.is_skipped} == {"manifest", "base"}


def test_a_proof_that_fails_says_why_in_every_format(small: Repo) -> None:
    (small.root / "one" / ".dockerignore").unlink()
    (small.root / "one" / "Dockerfile").write_text("FROM node:18-bookworm-slim\nCOPY . /app\n")
    words = ("prove", "--service", "one", "--probe", "unrelated")
    reason = "step 2/2 `COPY . /app` ran again because it takes README.md"
    for form in ("text", "json", "junit"):
        done = small.run(*words, "--format", form, check=False)
        assert done.returncode == 1
        assert reason in done.stdout.replace("&#96;", "`")


def test_another_builder_is_used_and_one_that_is_not_there_is_refused(small: Repo) -> None:
    small.run("prove", "--service", "one", "--builder", "default")
    done = small.run("prove", "--service", "one", "--builder", "nobody", check=False)
    assert (done.returncode, "there is no builder 'nobody' here" in done.stderr) == (2, True)


def test_a_service_whose_build_fails_fails_every_probe_and_the_others_are_proven(small: Repo) -> None:
    (small.root / "one" / "Dockerfile").write_text("FROM node:18-bookworm-slim\nRUN echo out of luck && exit 3\n")
    done = small.run("prove", "--format", "json", check=False)
    verdicts = json.loads(done.stdout)["verdicts"]
    assert done.returncode == 1
    assert {item["outcome"] for item in verdicts if item["image"] == "one"} == {"failed"}
    assert "out of luck" in next(item["reason"] for item in verdicts if item["image"] == "one")
    assert {item["passed"] for item in verdicts if item["image"] == "two"} == {True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_proof_that_is_stopped_leaves_nothing_behind(
    built: Repo, engine: DockerEngine, number: signal.Signals
) -> None:
    with untouched(built, engine):
        with start_proof(built) as child:
            wait_for_line(child, "backend-api noop: held")
            child.send_signal(number)
            assert child.wait(LIMIT_S) == 130
        assert "stopped" in (child.stderr.read() if child.stderr and not child.stderr.closed else "stopped")
        built.run("prove", "--service", "backend-api", "--probe", "source")


def test_the_copy_of_a_proof_that_was_killed_is_removed_by_the_next(small: Repo, engine: DockerEngine) -> None:
    with untouched(small, engine):
        with start_proof(small) as child:
            wait_for_line(child, "one noop: held")
            child.kill()
        assert list((small.root / ".layerproof" / "proofs").iterdir())
        small.run("prove")


def test_two_proofs_at_once_do_not_meet(small: Repo, engine: DockerEngine) -> None:
    with untouched(small, engine):
        children = [start_proof(small), start_proof(small)]
        outputs = [child.communicate(timeout=LIMIT_S) for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs


def test_an_engine_that_goes_away_is_no_verdict(small: Repo, engine: DockerEngine, tmp_path: Path) -> None:
    with untouched(small, engine), relay(tmp_path / "docker.sock") as (address, cut):
        with start_proof(small, DOCKER_HOST=address) as child:
            wait_for_line(child, "one noop: held")
            cut()
            _, errors = child.communicate(timeout=LIMIT_S)
        assert child.returncode == 3, errors
        assert "Traceback" not in errors
        small.run("prove")


def test_a_full_disk_is_an_error_that_says_so(small: Repo, engine: DockerEngine, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=60", "layerproof-test", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.fail("this test mounts a tmpfs: run it as root")
    try:
        for path in sorted(small.root.rglob("*")):
            target = disk / path.relative_to(small.root)
            target.mkdir() if path.is_dir() else target.write_bytes(path.read_bytes())
        on_disk = replace(small, root=disk)
        (disk / "one" / "src" / "many").mkdir()
        with suppress(OSError):
            for number in range(100):
                (disk / "one" / "src" / "many" / str(number)).touch()
        # Room for the first folders of the copy, not for all of it.
        for number in range(8):
            (disk / "one" / "src" / "many" / str(number)).unlink()
        with untouched(on_disk, engine):
            done = on_disk.run("prove", check=False)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        for path in (disk / "one" / "src" / "many").iterdir():
            path.unlink()
        on_disk.run("prove")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


class TamperedEngine(DockerEngine):
    """The real engine, with an event stream that something happens to on its way."""

    def __init__(self, tamper: Callable[[Sequence[str]], Sequence[str]]) -> None:
        super().__init__()
        self._tamper = tamper

    def bake(self, definition: Mapping[str, Any], *, targets: Sequence[str], on_line: LineSink) -> BakeResult:
        done = super().bake(definition, targets=targets, on_line=lambda _: None)
        lines = tuple(self._tamper(done.lines))
        for line in lines:
            on_line(line)
        return replace(done, lines=lines)


FOREIGN = (Path(__file__).parents[1] / "recorded" / "cached" / "events.jsonl").read_text().splitlines(keepends=True)
TAMPERED: dict[str, Callable[[Sequence[str]], Sequence[str]]] = {
    "emptied": lambda _: (),
    "cut in the middle": lambda lines: lines[: len(lines) // 2],
    "without its last events": lambda lines: lines[:-8],
    "replaced by another build's": lambda _: FOREIGN,
    "followed by another build's": lambda lines: [*lines[:3], *FOREIGN],
    "turned to noise": lambda lines: [line.replace("{", "[", 1) for line in lines],
    "without the names of its steps": lambda lines: [line.replace("/4]", "]") for line in lines],
}


@pytest.mark.parametrize("tampered", TAMPERED)
def test_a_dead_parser_proves_nothing(small: Repo, engine: DockerEngine, tampered: str) -> None:
    project = load_small(small, engine)
    report = prove(project, engine=TamperedEngine(TAMPERED[tampered]), names=["one"])
    assert not report.passed
    assert {verdict.outcome for verdict in report.verdicts} == {"failed"}


NEVER_RAN: dict[str, Callable[[str], str]] = {
    "every step is called cached": lambda line: _with_cached(line),
    "no step ever starts": lambda line: line.replace('"started"', '"begun"'),
}


@pytest.mark.parametrize("changed", NEVER_RAN)
def test_a_stream_in_which_nothing_ever_runs_fails_where_something_has_to(
    small: Repo, engine: DockerEngine, changed: str
) -> None:
    tampered = TamperedEngine(lambda lines: [NEVER_RAN[changed](line) for line in lines])
    report = prove(load_small(small, engine), engine=tampered, names=["one"])
    assert "source" in {verdict.probe for verdict in report.verdicts if verdict.outcome == "failed"}


def _with_cached(line: str) -> str:
    if not line.startswith("{"):
        return line
    event = json.loads(line)
    for vertex in event.get("vertexes") or ():
        vertex["cached"] = bool(vertex.get("completed"))
    return json.dumps(event) + "\n"


@contextmanager
def relay(path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A socket in front of the engine's; `cut` closes it and every connection: the engine is gone."""
    target = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    open_sockets: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(target)
                open_sockets.extend((client, upstream))
                for pair in ((client, upstream), (upstream, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    def cut() -> None:
        path.unlink(missing_ok=True)
        for item in (server, *open_sockets):
            with suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"unix://{path}", cut
    finally:
        cut()
