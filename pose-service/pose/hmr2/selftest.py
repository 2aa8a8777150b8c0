"""
Run every step of the engine `hmr2` without its weights: `python -m pose.hmr2.selftest`.

    --device cpu        on the CPU, whatever there is
    --write-weights DIR write a weights folder of random numbers, 5.4 GB, with manifest and lock
    --weights DIR       load such a folder as the service loads a real one, and let it answer

Exit code 0 if every step ran, 1 if one failed, 2 on a wrong argument.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.decoding import Pixels
from pose.errors import ConfigurationError
from pose.hmr2 import engine
from pose.hmr2.detector import Person, PersonDetector, build_detector
from pose.hmr2.device import CHOICES, choose_device
from pose.hmr2.guard import forbid_downloads
from pose.hmr2.network import Regressor, build_network, synthetic_files, whole_frame
from pose.hmr2.states import memory_mb
from pose.landmarks import LANDMARK_NAMES
from pose.logs import configure_logs
from pose.weights import LOCK_NAME, SCHEMA, load_manifest

Value = TypeVar("Value")

MANIFEST_NAME = "weights.json"
_SEED = 4
_PHOTO_SIZE = (1080, 810)  # rows, columns


@dataclass(frozen=True)
class Step:
    """One line of the table; the memory is the most that the process has held up to then."""

    name: str
    duration_s: float
    memory_mb: float
    gpu_mb: float


@dataclass
class Table:
    """Runs steps and keeps what they took."""

    device: torch.device
    steps: list[Step] = field(default_factory=list)

    def run(self, name: str, work: Callable[[], Value]) -> Value:
        started = time.perf_counter()
        value = work()
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            torch.cuda.synchronize()
        took_s = time.perf_counter() - started
        self.steps.append(Step(name, took_s, memory_mb(), torch.cuda.max_memory_allocated() / 1e6 if on_gpu else 0.0))
        return value

    def render(self) -> str:
        """The steps as text, one a line."""
        lines = [f"on {self.device}", f"{'step':<34}{'seconds':>9}{'peak MB':>10}{'GPU MB':>9}"]
        lines += [
            f"{step.name:<34}{step.duration_s:>9.2f}{step.memory_mb:>10.0f}{step.gpu_mb:>9.0f}" for step in self.steps
        ]
        return "\n".join(lines) + "\n"


def noise_photo() -> Pixels:
    """Noise of the size of a photo, the same each time."""
    return np.random.default_rng(_SEED).integers(0, 256, (*_PHOTO_SIZE, 3), dtype=np.uint8)


def run_networks(table: Table) -> None:
    """Build both networks with random weights and let each look at a photo."""
    torch.manual_seed(_SEED)
    photo = noise_photo()
    files = table.run("import, make up a body", synthetic_files)
    network = table.run("build HMR2", lambda: build_network(files))
    regress = table.run("move HMR2 to the device", lambda: Regressor(network, table.device))
    box = whole_frame(photo)
    table.run("HMR2, first photo", lambda: regress(photo, box))
    body = table.run("HMR2, second photo", lambda: regress(photo, box))
    _require(bool(np.isfinite(body.points).all()), "HMR2 answered what is no number")
    model = table.run("build ViTDet-H", build_detector)
    detect = table.run("move ViTDet-H to the device", lambda: PersonDetector(model, table.device))
    table.run("ViTDet-H, first photo", lambda: detect(photo))
    table.run("ViTDet-H, second photo", lambda: detect(photo))


def run_weights(table: Table, folder: Path) -> None:
    """Load a folder as the service does and ask it twice: as it is, and with a person pretended to be found."""
    files = load_manifest(folder / MANIFEST_NAME)
    loaded = table.run("verify, load, warm up", lambda: engine.load_hmr2(folder, files, device=table.device.type))
    photo = noise_photo()
    table.run("answer a photo", lambda: loaded.detect(photo))
    pretended = engine.Hmr2Engine(
        name=loaded.name,
        models=(),
        find_person=lambda pixels: Person(whole_frame(pixels), 0.9),
        regress=loaded.regress,
    )
    found = table.run("answer with a pretended person", lambda: pretended.detect(photo))
    _require(found is not None and len(found) == len(LANDMARK_NAMES), "no landmarks for the pretended person")


def write_weights(folder: Path) -> None:
    """
    Write a whole weights folder of random numbers, laid out as upstream's, with a manifest that fits it.

    Raises:
        ConfigurationError: the folder is there and not empty.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty. Random weights are written into a folder of their own.")
    torch.manual_seed(_SEED)
    files = synthetic_files()
    for path in (engine.CHECKPOINT, engine.MEAN, engine.SMPL):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "body"
        files.write(made)
        for source, path in {
            "model_config.yaml": engine.CONFIG,
            "smpl_mean_params.npz": engine.MEAN,
            "SMPL_to_J19.pkl": engine.EXTRA_JOINTS,
            "smpl/SMPL_NEUTRAL.pkl": engine.SMPL,
        }.items():
            (folder / path).write_bytes((made / source).read_bytes())
    torch.save({"state_dict": build_network(files).state_dict()}, folder / engine.CHECKPOINT)
    state = {name: tensor.numpy() for name, tensor in build_detector().state_dict().items()}
    with (folder / engine.DETECTOR).open("wb") as stream:
        pickle.dump({"model": state, "__author__": "random numbers"}, stream, protocol=4)
    _write_lists(folder)


def _write_lists(folder: Path) -> None:
    """The shipped manifest without the hashes of the real files, and the lock of what lies there."""
    entries = []
    recorded: dict[str, dict[str, Any]] = {}
    for file in load_manifest():
        entry = {**asdict(file), "size_bytes": None, "sha256": None, "from": "random numbers"}
        entry.pop("origin")
        entries.append(entry)
        digest = hashlib.sha256()
        with (folder / file.path).open("rb") as stream:
            for chunk in iter(lambda: stream.read(1 << 22), b""):  # used up before the next file
                digest.update(chunk)
        recorded[file.path] = {"size_bytes": (folder / file.path).stat().st_size, "sha256": digest.hexdigest()}
    _write_json(folder / MANIFEST_NAME, {"schema": SCHEMA, "when": {}, "files": entries})
    _write_json(folder / LOCK_NAME, {"schema": SCHEMA, "files": recorded})


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


class _Failed(Exception):
    """A step ran and its outcome is wrong."""


def _require(held: bool, otherwise: str) -> None:  # a condition, as of an assertion
    if not held:
        raise _Failed(otherwise)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for and print the table of its steps."""
    parser = argparse.ArgumentParser(prog="python -m pose.hmr2.selftest", description=(__doc__ or "").split("\n")[1])
    parser.add_argument("--device", choices=CHOICES, default="auto")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write-weights", type=Path, metavar="DIR", help="write a folder of random weights")
    what.add_argument("--weights", type=Path, metavar="DIR", help="load a folder that --write-weights has written")
    options = parser.parse_args(arguments)
    forbid_downloads()
    try:
        table = Table(choose_device(options.device))
        if options.write_weights:
            table.run("write random weights", lambda: write_weights(options.write_weights))
        elif options.weights:
            run_weights(table, options.weights)
        else:
            run_networks(table)
    except (ConfigurationError, _Failed) as error:
        sys.stderr.write(f"self-test failed: {error}\n")
        return 1
    sys.stdout.write(table.render())
    return 0


if __name__ == "__main__":
    configure_logs()
    sys.exit(main())
