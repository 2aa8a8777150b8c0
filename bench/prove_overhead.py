"""
What a proof costs beside the builds that it makes: `python bench/prove_overhead.py [--rounds 3] [--limit 1.35]`.

In turn, round by round: `layerproof prove` of the whole project as one process; then the same edits and the same builds
by raw buildx calls, each cancelled where the proof cancels it, with nothing read but what that needs. Prints both times
and their ratio for each round, and the median. Needs an engine and what `inv build` needs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from layerproof import graph
from layerproof.engine.docker import DockerEngine
from layerproof.model import Project
from layerproof.prove.plan import PROBES, plan_probe
from layerproof.prove.subject import Subject, load_subjects
from layerproof.prove.trial import Skip, Trial
from layerproof.workflow.load import configuration, load
from layerproof.workflow.prove import as_in
from layerproof.workflow.workspace import Workspace, make_workspace

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Call:
    """One raw buildx call: its definition, and the texts in the names of steps whose starts end it."""

    definition: str
    target: str
    stop_at: tuple[str, ...]


def time_proof() -> float:
    """Seconds of one `layerproof prove`, from the start of the process to its end."""
    command = [str(Path(sys.executable).with_name("layerproof")), "prove", "--format", "json"]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    wall_s = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"the proof failed:\n{done.stdout}\n{done.stderr}")
    return wall_s


def time_raw_calls(project: Project) -> tuple[float, int]:
    """Seconds of the same builds by raw calls, and how many they are; the edits are not counted."""
    total, count = 0.0, 0
    with make_workspace(project, project.images) as workspace:
        for subject, trial in trials(project, workspace):
            call = raw_call(subject, trial, workspace)
            with workspace.edited(trial.edits):
                total += run(call)
            count += 1
    return total, count


def trials(project: Project, workspace: Workspace) -> Iterator[tuple[Subject, Trial]]:
    """The builds of a whole proof, the one before all edits included."""
    services = [image for image in project.images if image.service]
    config = configuration(project)
    for subject in load_subjects(services, project=project, config=config, files_of=workspace.files_of):
        yield subject, Trial("nothing was edited")
        for probe in PROBES:
            plan = plan_probe(subject, probe)
            yield from (() if isinstance(plan, Skip) else ((subject, trial) for trial in plan))


def raw_call(subject: Subject, trial: Trial, workspace: Workspace) -> Call:
    """The definition that the proof builds as well; what its LineSink looks for, as plain text."""
    images = [workspace.moved(as_in(trial, image)) for image in subject.images]
    definition = json.dumps(graph.proof_definition(images))
    if not trial.stop:
        return Call(definition, subject.image.name, ())
    if trial.marker and not trial.reaches_service:
        return Call(definition, subject.image.name, (trial.marker,))
    if trial.marker:
        firsts = [node.instruction for node in subject.flow.nodes.values() if node.before is None]
        return Call(definition, subject.image.name, tuple(item.text.split("\n")[0][:30] for item in firsts))
    installs = [subject.flow.nodes[line].instruction.values[0] for line in trial.must_run]
    return Call(definition, subject.image.name, tuple(text[:15] for text in installs))


def run(call: Call) -> float:
    """Seconds of one call."""
    command = ["docker", "buildx", "bake", "--file", "-", "--allow", "fs=*", "--progress", "rawjson", call.target]
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    started = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True
    ) as child:
        assert child.stdin is not None  # noqa: S101  # both are pipes
        assert child.stderr is not None  # noqa: S101
        child.stdin.write(call.definition)
        child.stdin.close()
        stopped = False
        for line in child.stderr:
            if call.stop_at and not stopped and _starts(line, call.stop_at):
                child.send_signal(signal.SIGINT)
                stopped = True
        code = child.wait()
    if code != 0 and not stopped:
        sys.exit(f"a raw call ended with code {code}")
    if call.stop_at and not stopped:
        sys.exit(f"a raw call never came to {call.stop_at}")
    return time.monotonic() - started


def _starts(line: str, texts: tuple[str, ...]) -> bool:
    vertices = json.loads(line).get("vertexes") or () if line.startswith("{") else ()
    return any(
        vertex.get("started") and not vertex.get("cached") and any(text in vertex["name"] for text in texts)
        for vertex in vertices
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=0.0, help="exit 1 when the median ratio is above this")
    given = parser.parse_args()
    project = load(ROOT, engine=DockerEngine(), environment=os.environ)
    time_proof()  # what is cold is cold for one of the two only
    ratios = []
    for number in range(given.rounds):
        proof_s = time_proof()
        raw_s, count = time_raw_calls(project)
        ratios.append(proof_s / raw_s)
        print(f"round {number + 1}: prove {proof_s:.2f} s, {count} raw calls {raw_s:.2f} s, ratio {ratios[-1]:.2f}")
    median = statistics.median(ratios)
    print(f"median ratio {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    sys.exit(1 if given.limit and median > given.limit else 0)


if __name__ == "__main__":
    main()
