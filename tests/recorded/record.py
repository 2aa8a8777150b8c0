"""
Record the builds of tests/recorded/*/ again: `python tests/recorded/record.py [NAME ...]`.

Needs a Docker Engine and the image in STEPS_FROM (`inv lab` makes it). Only images tagged by this script are removed.
The golden results (expected.json) are not written here: read the recordings, then mend them by hand.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layerproof.dockerfile import parse_dockerfile
from layerproof.engine.baking import bake_environment
from layerproof.graph import bake_definition
from layerproof.model import Image

HERE = Path(__file__).parent
STEPS_FROM = "layerproof-lab/debian:bookworm"
TAG = "layerproof-recording/{name}:latest"

SERVICE = f"""\
FROM {STEPS_FROM} AS deps
WORKDIR /app
COPY package.json ./
RUN cat package.json
FROM deps AS build
COPY src ./src
RUN cat src/main.js > main.js && echo built
FROM scratch AS runtime
COPY --from=build /app/main.js /main.js
"""
UNNAMED = f"""\
FROM {STEPS_FROM}
WORKDIR /app
COPY src ./src
RUN cat src/main.js
"""
TEN_STEPS = f"FROM {STEPS_FROM} AS build\n" + "".join(f"RUN echo step {number}\n" for number in range(2, 12))
BASE = f"FROM {STEPS_FROM} AS build\nWORKDIR /app\nRUN echo base > base.txt\n"
ON_BASE = "FROM base-tiny:latest AS deps\nCOPY package.json ./\nRUN echo deps\nFROM deps AS build\nRUN echo {name}\n"


@dataclass(frozen=True)
class Scenario:
    """
    One recording; `prepare` changes the contexts after an unrecorded build, `stop_at` is a log text to stop at.

    `containerd` says which image store the daemon has to have.
    """

    name: str
    dockerfiles: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    no_cache: bool = False
    prepare: Callable[[Path], None] | None = None
    stop_at: str = ""
    containerd: bool = False


def edit_source(context: Path) -> None:
    """Another size and another time, as an editor leaves them."""
    (context / "src" / "main.js").write_text(f"// edited {os.urandom(8).hex()}\n")


SCENARIOS = (
    Scenario("cold", {"web": SERVICE}, no_cache=True),
    Scenario("cached", {"web": SERVICE}, prepare=lambda _: None),
    Scenario("edited", {"web": SERVICE}, prepare=edit_source),
    Scenario("failed", {"web": SERVICE.replace("echo built", "echo 'no main' >&2 && exit 3")}),
    Scenario("cancelled", {"web": SERVICE.replace("echo built", "echo waiting && sleep 60")}, stop_at="waiting"),
    Scenario("unnamed-stage", {"web": UNNAMED}, no_cache=True),
    Scenario("two-unnamed", {"web": UNNAMED, "api": UNNAMED.replace("cat src", "wc src")}, no_cache=True),
    Scenario("ten-steps", {"web": TEN_STEPS}, no_cache=True),
    Scenario("crlf", {"web": SERVICE.replace("\n", "\r\n")}, no_cache=True),
    Scenario(
        "shared-base",
        {"base-tiny": BASE, "api": ON_BASE.format(name="api"), "web": ON_BASE.format(name="web")},
        parents={"api": ("base-tiny",), "web": ("base-tiny",)},
        no_cache=True,
    ),
    # Recorded again only on a daemon that was started with `--feature containerd-snapshotter=true`.
    Scenario("containerd", {"web": SERVICE}, prepare=edit_source, containerd=True),
)


def record(scenario: Scenario, folder: Path) -> None:
    """Run one scenario in a temporary folder and write its recording."""
    with tempfile.TemporaryDirectory() as work:
        images = [_image(Path(work), name, scenario) for name in scenario.dockerfiles]
        definition = bake_definition(images)
        names = [image.name for image in images]
        try:
            if scenario.prepare is not None:
                bake(definition, names)
                _remove(images)  # now, or the next build would leave it behind without a tag
                for image in images:
                    scenario.prepare(image.context)
            code, lines, metadata = bake(definition, names, no_cache=scenario.no_cache, stop_at=scenario.stop_at)
        finally:
            _remove(images)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "events.jsonl").write_text("".join(lines).replace(work, "/project"))
    (folder / "metadata.json").write_text(json.dumps(_kept(metadata), indent=1) + "\n")
    versions = {"returncode": code, "server": _docker(["version", "--format", "{{.Server.Version}}"])}
    versions["buildx"] = _docker(["buildx", "version"]).split()[1]
    (folder / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")
    for name, text in scenario.dockerfiles.items():
        (folder / f"{name}.Dockerfile").write_bytes(text.encode())


def bake(
    definition: Mapping[str, Any], names: Sequence[str], *, no_cache: bool = False, stop_at: str = ""
) -> tuple[int, list[str], dict[str, Any]]:
    """As DockerEngine.bake; with `stop_at` an interrupt is sent once a step's log holds that text."""
    with tempfile.TemporaryDirectory() as work:
        metadata, lines = Path(work, "metadata.json"), list[str]()
        command = ["docker", "buildx", "bake", "--file", "-", "--progress", "rawjson", "--allow", "fs=*"]
        command += ["--metadata-file", str(metadata), *(["--no-cache"] if no_cache else []), *names]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **bake_environment()},
            text=True,
        ) as child:
            assert child.stdin is not None
            assert child.stderr is not None
            child.stdin.write(json.dumps(definition))
            child.stdin.close()
            for line in child.stderr:
                lines.append(line)
                if stop_at and _logged(line, stop_at):
                    child.send_signal(signal.SIGINT)
        text = metadata.read_text() if metadata.is_file() else ""
        return child.returncode, lines, json.loads(text or "{}")


def _image(work: Path, name: str, scenario: Scenario) -> Image:
    context = work / name
    (context / "src").mkdir(parents=True)
    (context / "package.json").write_text("{}\n")
    (context / "src" / "main.js").write_text("// main\n")
    path = context / "Dockerfile"
    path.write_bytes(scenario.dockerfiles[name].encode())
    tag = TAG.format(name=name) if name in ("web", "api") else f"{name}:latest"
    file = parse_dockerfile(scenario.dockerfiles[name], path=path)
    return Image(name, tag, "service", context, file, None, parents=scenario.parents.get(name, ()))


def _logged(line: str, text: str) -> bool:
    logs = json.loads(line).get("logs") or () if line.startswith("{") else ()
    return any(text in base64.b64decode(log["data"]).decode() for log in logs)


def _kept(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What layerproof reads of a metadata file; the rest is large, and names this machine."""
    kept = {}
    for target, entry in metadata.items():
        provenance = entry.get("buildx.build.provenance") if isinstance(entry, dict) else None
        if not provenance:
            continue
        key = "https://mobyproject.org/buildkit@v1#metadata"
        source = provenance["metadata"][key]["source"]
        infos = [{name: info[name] for name in ("filename", "language", "data")} for info in source["infos"]]
        kept[target] = {
            "buildx.build.provenance": {
                "buildConfig": {"digestMapping": provenance["buildConfig"]["digestMapping"]},
                "metadata": {key: {"source": {"locations": source["locations"], "infos": infos}}},
            }
        }
    return kept


def _remove(images: Sequence[Image]) -> None:
    _docker(["image", "rm", "--force", *(image.tag for image in images)])


def _docker(words: Sequence[str]) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False).stdout.strip()


def main(names: Sequence[str]) -> None:
    """Record the named scenarios, or all that this daemon's image store is for."""
    containerd = "containerd" in _docker(["info", "--format", "{{.DriverStatus}}"])
    for scenario in SCENARIOS:
        if names and scenario.name not in names:
            continue
        if scenario.containerd != containerd:
            sys.stdout.write(f"{scenario.name}: left alone: it is for the other image store\n")
            continue
        folder = HERE / scenario.name
        golden = folder / "expected.json"
        kept = golden.read_text() if golden.is_file() else ""
        record(scenario, folder)
        if kept:
            golden.write_text(kept)
        size = sum(file.stat().st_size for file in folder.iterdir())
        sys.stdout.write(f"{scenario.name}: {size / 1000:.0f} kB\n")
        text = "".join(file.read_text() for file in folder.iterdir())
        if found := re.search(r"/(?:tmp|root|home|work)/\S+", text):
            sys.stdout.write(f"  names a path of this machine: {found[0]}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
