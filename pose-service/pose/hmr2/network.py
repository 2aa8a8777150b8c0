"""HMR2: a crop of a person to the points of the SMPL body."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.decoding import Pixels
from pose.errors import ConfigurationError
from pose.hmr2 import pickles
from pose.hmr2.body import Array, BodyFiles
from pose.hmr2.crop import BoxPx, CropFormat, crop_person
from pose.hmr2.mapping import JOINTS, TIPS
from pose.hmr2.projection import View
from pose.hmr2.states import adopt, quiet

_BOX_SHAPE = (192, 256)  # what upstream's load_hmr2 gives a ViT whose configuration does not say
# The body comes from its own file; the rest has served the training only.
_NOT_FROM_CHECKPOINT = ("smpl.", "initialized", "discriminator.")


@dataclass(frozen=True)
class Body:
    """`points` is (31, 3): mapping.POINTS in metres, before a camera whose axes point right, down and away."""

    points: Array
    view: View


class Regressor:
    """HMR2 on a device. Not thread-safe."""

    def __init__(self, network: Any, device: torch.device) -> None:
        model = network.cfg.MODEL
        self.device = device
        self.form = CropFormat(
            side_px=int(model.IMAGE_SIZE),
            shape=tuple(model.get("BBOX_SHAPE", _BOX_SHAPE)),
            mean=tuple(model.IMAGE_MEAN),
            std=tuple(model.IMAGE_STD),
        )
        self._focal_per_side = float(network.cfg.EXTRA.FOCAL_LENGTH) / self.form.side_px
        self._tips = [_vertex_ids()[vertex] for vertex in TIPS.values()]
        self._network = network.to(device).eval()

    def __call__(self, pixels: Pixels, box: BoxPx) -> Body:
        """The body of the person in a box (left, top, right, bottom in pixels) of a photo (rows, columns, RGB)."""
        crop = crop_person(pixels, box, self.form)
        with torch.inference_mode():
            batch = {"img": torch.from_numpy(crop.image)[None].to(self.device)}
            out = self._network(batch)
            joints = out["pred_keypoints_3d"][0, : len(JOINTS)]
            tips = out["pred_vertices"][0, self._tips]
            points: Array = torch.cat([joints, tips]).cpu().numpy()
            camera = [float(number) for number in out["pred_cam"][0].cpu()]
        height, width = pixels.shape[:2]
        view = View(
            camera=(camera[0], camera[1], camera[2]),
            centre=crop.centre,
            size_px=crop.size_px,
            image_size=(width, height),
            focal_px=self._focal_per_side * max(width, height),
        )
        return Body(points, view)


def build_network(files: BodyFiles) -> Any:
    """
    The network around a body, its weights as torch's initialisers leave them.

    What the library reads from disk is written here first, as plain arrays, into a folder that is gone afterwards.

    Raises:
        ConfigurationError: the configuration is not that of an HMR2 with a ViT-H.
    """
    with tempfile.TemporaryDirectory(prefix="hmr2-") as name, quiet():
        folder = Path(name) / "body"
        files.write(folder)
        config = _configuration(folder)
        from hmr2.models import HMR2  # type: ignore[import-not-found,import-untyped,unused-ignore]

        return HMR2(config, init_renderer=False)


def _configuration(folder: Path) -> Any:
    """Upstream's configuration with our paths in it, and nothing in it that would be fetched, drawn or trained."""
    # hmr2.configs makes a path of it as soon as it is imported; nothing is written there.
    os.environ.setdefault("HOME", tempfile.gettempdir())
    from hmr2.configs import get_config  # type: ignore[import-not-found,import-untyped,unused-ignore]

    try:
        config = get_config(str(folder / "model_config.yaml"))
        config.defrost()
        config.SMPL.MODEL_PATH = str(folder / "smpl")
        config.SMPL.JOINT_REGRESSOR_EXTRA = str(folder / "SMPL_to_J19.pkl")
        config.SMPL.MEAN_PARAMS = str(folder / "smpl_mean_params.npz")
        config.MODEL.BACKBONE.pop("PRETRAINED_WEIGHTS", None)
        config.LOSS_WEIGHTS.ADVERSARIAL = 0  # no discriminator
        if config.MODEL.BACKBONE.TYPE != "vit" or config.MODEL.IMAGE_SIZE != 256:
            raise ValueError("its backbone is not a ViT for crops of 256 pixels")
        config.freeze()
        return config
    except Exception as error:
        raise ConfigurationError(f"model_config.yaml is no configuration of HMR2: {error}") from error


def read_checkpoint(stream: BinaryIO) -> Mapping[str, torch.Tensor]:
    """
    The tensors of a checkpoint by name.

    Raises:
        ConfigurationError: no checkpoint.
    """
    try:
        # The file is verified, and read by an unpickler that knows tensors and nothing else: torch's own one for
        # untrusted files refuses the training state that Lightning stores beside them.
        loaded = torch.load(stream, map_location="cpu", pickle_module=pickles.as_pickle_module(), weights_only=False)
        state = loaded["state_dict"]
        return {name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    except Exception as error:
        raise ConfigurationError(f"the checkpoint of HMR2 cannot be read: {type(error).__name__}: {error}") from error


def fill_network(network: Any, state: Mapping[str, torch.Tensor], *, source: str) -> None:
    """
    Give a network the weights of a checkpoint.

    Raises:
        ConfigurationError: they do not fit.
    """
    adopt(network, state, source=source, kept=_NOT_FROM_CHECKPOINT)


def _vertex_ids() -> dict[str, int]:
    from smplx.vertex_ids import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        vertex_ids,
    )

    found: dict[str, int] = vertex_ids["smplh"]  # SMPL and SMPL+H share their vertices
    return found


def synthetic_files() -> BodyFiles:
    """The made-up body, its named vertices where smplx looks for them."""
    from pose.hmr2.synthetic import synthetic_body

    return synthetic_body(_vertex_ids())


def whole_frame(pixels: Pixels) -> BoxPx:
    """The box around everything."""
    height, width = pixels.shape[:2]
    return (0.0, 0.0, float(width), float(height))


def blank(side_px: int = 256) -> Pixels:
    """A grey photo, to run a network once."""
    return np.full((side_px, side_px, 3), 127, np.uint8)
