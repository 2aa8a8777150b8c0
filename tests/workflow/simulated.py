"""An Engine that answers as BuildKit does, from the files on the disk: a step runs when what it stands on is new."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layerproof.context import list_context
from layerproof.dockerfile import parse_dockerfile
from layerproof.engine import BakeResult, LineSink, StopBuild
from layerproof.errors import NoEngineError
from layerproof.flow import Flow, Node, load_flow
from layerproof.model import Image
from layerproof.testing import FakeEngine

STARTED, COMPLETED = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"


@dataclass
class SimulatedEngine(FakeEngine):
    """
    Attributes:
        cache: the keys of all steps that have run.
        broken: texts; a step with one of them fails.
        dropped: how many of the next builds report their first step only.
        cleared_before: the numbers of the builds, from 1, before which the cache is emptied.
        gone_after: after so many builds the engine does not answer any more.
        forgotten: in which builds, counted from 1, steps with which text are not in the cache.
    """

    cache: set[str] = field(default_factory=set)
    broken: Collection[str] = ()
    dropped: int = 0
    cleared_before: Collection[int] = ()
    gone_after: int = 10**6
    forgotten: Mapping[int, str] = field(default_factory=dict)
    builds: int = 0

    def bake(self, definition: Mapping[str, Any], *, targets: Sequence[str], on_line: LineSink) -> BakeResult:
        self.builds += 1
        self.absent = self.builds > self.gone_after
        if self.absent:
            return BakeResult(1, ("ERROR: Cannot connect to the Docker daemon\n",))
        if self.builds in self.cleared_before:
            self.cache.clear()
        events, metadata, finals = [], {}, {}
        for name, target in definition["target"].items():
            image = _image(name, target)
            flow = load_flow(image)
            keys: dict[int, str] = {}
            for line, node in flow.nodes.items():
                keys[line] = _key(node, image, keys, finals)
                if all(event["digest"] != keys[line] for event in events):  # two targets can share a vertex
                    text = node.instruction.text
                    known = keys[line] in self.cache and self.forgotten.get(self.builds, "\0") not in text
                    events.append(_event(node, image, flow, keys[line], cached=known))
                failed = any(text in node.instruction.text for text in self.broken)
                if failed:
                    events[-1]["error"] = "exit code: 1"
                    return self._report(events, on_line, BakeResult(1, ()))
                self.cache.add(keys[line])
            last = list(keys.values())
            finals[name] = last[-1] if last else name
            metadata[name] = _provenance(image, keys)
            for tag in target.get("tags", ()) if name in targets else ():
                self.add_image(tag)
        if self.dropped:
            self.dropped -= 1
            events = events[:1]
        return self._report(events, on_line, BakeResult(0, (), metadata))

    def info(self) -> Any:
        if self.absent:
            raise NoEngineError("no Docker Engine answers")
        return self.answer

    def _report(self, events: list[dict[str, Any]], on_line: LineSink, result: BakeResult) -> BakeResult:
        lines = tuple(json.dumps({"vertexes": [event]}) + "\n" for event in events)
        try:
            for line in lines:
                on_line(line)
        except StopBuild:
            return BakeResult(0, lines, stopped=True)
        return BakeResult(result.returncode, lines, result.metadata)


def _image(name: str, target: Mapping[str, Any]) -> Image:
    path = Path(target["dockerfile"])
    args = target.get("args", {})
    links = {key: value for key, value in target.get("contexts", {}).items() if value.startswith("target:")}
    file = parse_dockerfile(path.read_text(), path=path, args=args)
    upstreams = tuple(stage.base for stage in file.stages if stage.base.removesuffix(":latest") not in links)
    return Image(
        name, name, "service", Path(target["context"]), file, target.get("target"), args, links, upstreams=upstreams
    )


def _key(node: Node, image: Image, keys: Mapping[int, str], finals: Mapping[str, str]) -> str:
    parts = [node.instruction.text]
    parts += [f"{name}={image.args.get(name, '')}" for name in sorted(node.arguments)]
    for path in list_context(image.context, dockerfile=image.dockerfile.path):
        file = image.context / path
        if node.takes(file) and file.is_file():
            parts += [path, str(file.stat().st_mode), file.read_text()]
    parts += [keys[line] for line in (*([node.before] if node.before else []), *node.copied)]
    if node.before is None:
        link = image.contexts.get(node.stage.base.removesuffix(":latest"), "")
        parts.append(finals.get(link.removeprefix("target:"), node.stage.base))
    return "sha256:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _event(node: Node, image: Image, flow: Flow, key: str, *, cached: bool) -> dict[str, Any]:
    (stage, number), *_ = [place for place, line in flow.numbers.items() if line == node.line]
    text = " ".join(node.instruction.text.split())
    return {
        "digest": key,
        "name": f"[{image.name} {stage} {number}/9] {text}",
        "inputs": ["sha256:0"],
        "started": STARTED,
        "completed": COMPLETED,
        "cached": cached,
    }


def _provenance(image: Image, keys: Mapping[int, str]) -> dict[str, Any]:
    steps = {key: f"step{n}" for n, key in enumerate(keys.values())}
    locations: dict[str, Any] = {}
    for line, key in keys.items():
        locations.setdefault(steps[key], {"locations": []})["locations"].append({"ranges": [{"start": {"line": line}}]})
    text = base64.b64encode(image.dockerfile.text.encode()).decode()
    source = {"locations": locations, "infos": [{"data": text}]}
    return {
        "buildx.build.provenance": {
            "buildConfig": {"digestMapping": steps},
            "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"source": source}},
        }
    }
