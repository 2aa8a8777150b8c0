"""The engines `hmr2` and `hmr2-selftest`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.decoding import Pixels
from pose.engine import Model
from pose.hmr2 import body
from pose.hmr2.detector import Person, PersonDetector, build_detector, fill_detector, read_detector
from pose.hmr2.device import choose_device
from pose.hmr2.guard import forbid_downloads
from pose.hmr2.mapping import POINTS, to_landmarks
from pose.hmr2.network import (
    Regressor,
    blank,
    build_network,
    fill_network,
    read_checkpoint,
    synthetic_files,
    whole_frame,
)
from pose.hmr2.projection import makes_sense, project
from pose.hmr2.states import quiet, unfilled
from pose.landmarks import Landmark
from pose.weights import WeightFile, Weights, verified

FindPerson = Callable[[Pixels], "Person | None"]

CHECKPOINT = "logs/train/multiruns/hmr2/0/checkpoints/epoch=35-step=1000000.ckpt"
CONFIG = "logs/train/multiruns/hmr2/0/model_config.yaml"
MEAN = "data/smpl_mean_params.npz"
EXTRA_JOINTS = "data/SMPL_to_J19.pkl"
SMPL = "data/smpl/SMPL_NEUTRAL.pkl"
DETECTOR = "model_final_f05665.pkl"

_HIPS = (POINTS.index("left_hip"), POINTS.index("right_hip"))
_SEED = 4

log = logging.getLogger("pose.hmr2")


class Hmr2Engine:
    """A detector and a regressor behind one lock: a photo at a time is all that one device's memory is sized for."""

    def __init__(self, *, name: str, models: Sequence[str], find_person: FindPerson, regress: Regressor) -> None:
        self.name = name
        self._models = tuple(models)
        self._find_person = find_person
        self.regress = regress
        self._lock = threading.Lock()
        self._loaded = False

    def models(self) -> list[Model]:
        return [Model(name, self._loaded) for name in self._models]

    def warm_up(self) -> None:
        """
        Run the networks once, so that what cannot run stops the start instead of the first request.

        The detector is left out on a CPU: there it needs most of a minute and has nothing to warm up.
        """
        with self._lock, quiet():
            if self.regress.device.type != "cpu":
                self._find_person(blank())
            self.regress(blank(), whole_frame(blank()))
        self._loaded = True

    def detect(self, pixels: Pixels) -> list[Landmark] | None:
        """The body of the person with the highest score, or None where no score exceeds one half."""
        with self._lock:
            person = self._find_person(pixels)
            found = person and self.regress(pixels, person.box)
        if not person or not found:
            return None
        points = project(found.points, hips=_HIPS, view=found.view)
        if not makes_sense(points, view=found.view):
            log.warning("the network's camera looks away from the person; answered as nobody found")
            return None
        return to_landmarks([(float(x), float(y), float(z)) for x, y, z in points], score=person.score)


def load_hmr2(folder: Path, files: Sequence[WeightFile], *, device: str) -> Hmr2Engine:
    """
    The engine with the weights in a folder, which are verified before anything of them is read.

    Args:
        folder: laid out as the manifest's paths say.
        files: the manifest.
        device: a choice of device.CHOICES.

    Raises:
        ConfigurationError: no such device; files missing, changed or of another kind.
    """
    started = time.perf_counter()
    forbid_downloads()
    chosen = choose_device(device)
    with verified(folder, files) as weights, unfilled():
        regressor = Regressor(_network(weights), chosen)
        detector = PersonDetector(_detector(weights), chosen)
    models = ("hmr2 epoch=35-step=1000000", "vitdet_h f05665", "smpl neutral")
    engine = Hmr2Engine(name="hmr2", models=models, find_person=detector, regress=regressor)
    engine.warm_up()
    log.info("hmr2 loaded on %s in %.1f s", chosen, time.perf_counter() - started)
    return engine


def _network(weights: Weights) -> object:
    files = body.BodyFiles(
        smpl=body.read_smpl(weights.open(SMPL)),
        extra_joints=body.read_extra_joints(weights.open(EXTRA_JOINTS)),
        mean=body.read_mean(weights.open(MEAN)),
        config=weights.open(CONFIG).read().decode("utf-8", "replace"),
    )
    network = build_network(files)
    fill_network(network, read_checkpoint(weights.open(CHECKPOINT)), source=CHECKPOINT)
    return network


def _detector(weights: Weights) -> object:
    model = build_detector()
    fill_detector(model, read_detector(weights.open(DETECTOR)), source=DETECTOR)
    return model


def load_selftest(*, device: str) -> Hmr2Engine:
    """
    The same network with random weights around a made-up body, for any photo as a whole; needs no file.

    Raises:
        ConfigurationError: no such device.
    """
    started = time.perf_counter()
    forbid_downloads()
    chosen = choose_device(device)
    torch.manual_seed(_SEED)
    regressor = Regressor(build_network(synthetic_files()), chosen)
    models = ("hmr2 (random weights)", "smpl-shaped body (made up, random weights)")
    engine = Hmr2Engine(name="hmr2-selftest", models=models, find_person=_whole_frame, regress=regressor)
    engine.warm_up()
    log.warning(
        "hmr2-selftest loaded on %s in %.1f s: random weights, its answers mean nothing",
        chosen,
        time.perf_counter() - started,
    )
    return engine


def _whole_frame(pixels: Pixels) -> Person:
    return Person(whole_frame(pixels), 1.0)
