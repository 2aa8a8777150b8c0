"""ViTDet-H of Detectron2: the person in a photo."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.decoding import Pixels
from pose.errors import ConfigurationError
from pose.hmr2 import pickles
from pose.hmr2.crop import BoxPx
from pose.hmr2.states import adopt, quiet

MIN_SCORE = 0.5
_PERSON = 0  # of COCO's classes
_CONFIG = "cascade_mask_rcnn_vitdet_h_75ep.py"
_SIDE_PX = 1024


@dataclass(frozen=True)
class Person:
    """Where somebody was found, left, top, right and bottom in pixels, and how sure the detector is, 0 to 1."""

    box: BoxPx
    score: float


class PersonDetector:
    """ViTDet-H on a device. Not thread-safe."""

    def __init__(self, model: Any, device: torch.device) -> None:
        from detectron2.data import transforms  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self._model = model.to(device).eval()
        self._resize = transforms.ResizeShortestEdge(short_edge_length=_SIDE_PX, max_size=_SIDE_PX)

    def __call__(self, pixels: Pixels) -> Person | None:
        """
        The person whose score is highest, in a photo (rows, columns, RGB); None where no score exceeds MIN_SCORE.

        Source: 4D-Humans, DefaultPredictor_Lazy and demo.py.
        """
        height, width = pixels.shape[:2]
        resized = self._resize.get_transform(pixels).apply_image(pixels)
        image = torch.as_tensor(resized.astype("float32").transpose(2, 0, 1))
        with torch.inference_mode():
            found = self._model([{"image": image, "height": height, "width": width}])[0]["instances"]
            people = found[(found.pred_classes == _PERSON) & (found.scores > MIN_SCORE)]
            if not len(people):
                return None
            best = int(people.scores.argmax())
            left, top, right, bottom = (float(edge) for edge in people.pred_boxes.tensor[best].cpu())
            return Person((left, top, right, bottom), float(people.scores[best]))


def build_detector() -> Any:
    """The network of upstream's configuration, without the head that draws masks, as the initialisers leave it."""
    os.environ.setdefault("HOME", tempfile.gettempdir())  # hmr2.configs makes a path of it when imported
    with quiet():
        import hmr2  # type: ignore[import-not-found,import-untyped,unused-ignore]
        from detectron2.config import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
            LazyConfig,
            instantiate,
        )

        config = LazyConfig.load(str(Path(hmr2.__file__).parent / "configs" / _CONFIG)).model
        for name in ("mask_in_features", "mask_pooler", "mask_head"):
            config.roi_heads.pop(name)
        for predictor in config.roi_heads.box_predictors:
            predictor.test_score_thresh = MIN_SCORE  # a box below it takes no part in anything
        return instantiate(config)


def read_detector(stream: BinaryIO) -> Mapping[str, Any]:
    """
    The arrays of a checkpoint of Detectron2's model zoo by name.

    Raises:
        ConfigurationError: no such checkpoint.
    """
    try:
        state: Mapping[str, Any] = pickles.load(stream)["model"]
        return {name: array for name, array in state.items() if hasattr(array, "shape")}
    except Exception as error:
        raise ConfigurationError(f"the weights of ViTDet cannot be read: {type(error).__name__}: {error}") from error


def fill_detector(model: Any, state: Mapping[str, Any], *, source: str) -> None:
    """
    Give the detector its weights.

    Raises:
        ConfigurationError: they do not fit.
    """
    adopt(model, state, source=source, kept=("pixel_mean", "pixel_std", "proposal_generator.anchor_generator"))
