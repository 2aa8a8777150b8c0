"""The engine `hmr2` with its libraries and without its weights; run where they are: see README.md."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.hmr2
for package in ("torch", "cv2", "skimage", "smplx"):
    pytest.importorskip(package, reason="4D-Humans comes with FLAVOUR=hmr2 of the base image")
if not all(importlib.util.find_spec(name) for name in ("detectron2", "hmr2")):
    pytest.skip("4D-Humans comes with FLAVOUR=hmr2 of the base image", allow_module_level=True)

import torch  # noqa: E402

from app import create_app  # noqa: E402
from pose.engine import Engine, load_engine  # noqa: E402
from pose.errors import ConfigurationError  # noqa: E402
from pose.hmr2 import pickles, selftest  # noqa: E402
from pose.hmr2.crop import CropFormat, crop_person  # noqa: E402
from pose.hmr2.detector import Person, PersonDetector  # noqa: E402
from pose.hmr2.device import choose_device  # noqa: E402
from pose.hmr2.engine import Hmr2Engine  # noqa: E402
from pose.hmr2.guard import DownloadRefused, allow_downloads, forbid_downloads  # noqa: E402
from pose.hmr2.mapping import JOINTS, TIPS  # noqa: E402
from pose.hmr2.network import Regressor, read_checkpoint, synthetic_files  # noqa: E402
from pose.hmr2.projection import View, translation  # noqa: E402
from pose.hmr2.states import adopt, quiet, unfilled  # noqa: E402
from pose.landmarks import LANDMARK_NAMES  # noqa: E402

FORM = CropFormat(256, (192, 256), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TESTS = Path(__file__).parent


@pytest.fixture(autouse=True)
def _downloads_again() -> Iterator[None]:
    yield
    allow_downloads()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    patch = pytest.MonkeyPatch()
    patch.setenv("POSE_DEVICE", "cpu")
    yield load_engine("hmr2-selftest")
    patch.undo()


def noise(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def photo(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise(width, height)).save(stream, "PNG")
    return stream.getvalue()


# ---------------------------------------------------------------- left, right and names


def test_joints_are_named_as_upstream_orders_them() -> None:
    # smplx numbers SMPL's joints by JOINT_NAMES, then its face, feet and hands; 4D-Humans picks 25 of them.
    with quiet():
        from hmr2.models.smpl_wrapper import SMPL
        from smplx.joint_names import JOINT_NAMES

    face = ["nose", "right_eye", "left_eye", "right_ear", "left_ear"]
    feet = [f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")]
    numbered = [*JOINT_NAMES[:22], "left_hand", "right_hand", *face, *feet]
    with quiet():
        smpl = SMPL("", data_struct=_struct())
    same = {"pelvis": "mid_hip"}
    assert [same.get(numbered[index], numbered[index]) for index in smpl.joint_map.tolist()] == list(JOINTS)


def test_named_vertices_are_where_smplx_has_them() -> None:
    from smplx.vertex_ids import vertex_ids

    from test_pose_hmr2_data import VERTEX_IDS

    assert vertex_ids["smplh"] == VERTEX_IDS
    assert set(TIPS.values()) <= set(VERTEX_IDS)


def _struct() -> Any:
    from smplx.utils import Struct

    return Struct(**synthetic_files().smpl)


# ---------------------------------------------------------------- what the network sees


@pytest.mark.parametrize(
    ("size", "box"),
    [
        pytest.param((640, 480), (100, 50, 300, 400), id="small enough to need no blur"),
        pytest.param((1600, 1200), (200.5, 100.25, 1100.75, 1150.5), id="large, blurred"),
        pytest.param((2048, 1536), (900, 600, 1600, 1500), id="a part of a large photo, blurred"),
        pytest.param((1200, 2000), (-50, -80, 1300, 2100), id="wider than the photo"),
        pytest.param((900, 700), (600, 20, 900, 700), id="at the edge"),
        pytest.param((1000, 400), (50, 100, 950, 300), id="lying"),
        pytest.param((300, 300), (100, 100, 120, 130), id="tiny, enlarged"),
    ],
)
def test_the_crop_is_upstream_s(size: tuple[int, int], box: tuple[float, ...]) -> None:
    with quiet():
        from hmr2.datasets.vitdet_dataset import ViTDetDataset
        from yacs.config import CfgNode

    model = {"IMAGE_SIZE": 256, "IMAGE_MEAN": list(FORM.mean), "IMAGE_STD": list(FORM.std), "BBOX_SHAPE": [192, 256]}
    pixels = noise(*size)
    with quiet():
        expected = ViTDetDataset(CfgNode({"MODEL": model}), pixels[:, :, ::-1], np.array([box]))[0]
    crop = crop_person(pixels, box, FORM)  # type: ignore[arg-type]  # four of them
    assert crop.image.shape == expected["img"].shape
    assert np.abs(crop.image - expected["img"]).max() < 1e-4  # one grey level is 0.017
    assert crop.size_px == pytest.approx(expected["box_size"], rel=1e-6)
    assert crop.centre == pytest.approx(expected["box_center"].tolist(), rel=1e-6)


def test_the_whole_image_s_camera_is_upstream_s() -> None:
    with quiet():
        from hmr2.utils.renderer import cam_crop_to_full

    view = View(camera=(0.8, 0.1, -0.2), centre=(310.0, 420.0), size_px=350.0, image_size=(900, 1200), focal_px=23437.5)
    expected = cam_crop_to_full(
        torch.tensor([view.camera], dtype=torch.float64),
        torch.tensor([view.centre], dtype=torch.float64),
        torch.tensor([view.size_px], dtype=torch.float64),
        torch.tensor([view.image_size], dtype=torch.float64),
        view.focal_px,
    )
    assert translation(view) == pytest.approx(expected[0].numpy())


# ---------------------------------------------------------------- the engine


def test_the_self_test_answers_a_body_that_faces_the_camera(engine: Engine) -> None:
    landmarks = engine.detect(noise(600, 800))
    assert landmarks is not None
    assert [mark.name for mark in landmarks] == list(LANDMARK_NAMES)
    at = {mark.name: mark for mark in landmarks}
    assert np.isfinite([(mark.x, mark.y, mark.z) for mark in landmarks]).all()
    # Who faces the camera has the left hand at the image's right, the head on top and the nose in front.
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "ear", "eye", "heel", "thumb"):
        assert at[f"left_{part}"].x > at[f"right_{part}"].x, part
    assert at["nose"].y < at["left_shoulder"].y < at["left_hip"].y < at["left_knee"].y < at["left_heel"].y
    assert at["nose"].z < at["left_ear"].z
    assert at["left_foot_index"].z < at["left_heel"].z
    assert at["left_hip"].z == pytest.approx(-at["right_hip"].z)
    assert at["mouth_left"].visibility == 0
    assert at["nose"].visibility == 1


def test_the_self_test_says_that_its_weights_are_random(engine: Engine) -> None:
    assert engine.name == "hmr2-selftest"
    assert all("random weights" in model.name and model.loaded for model in engine.models())


def test_the_service_answers_with_it_and_prints_nothing(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    response = create_app(engine).test_client().post("/pose", data=photo(1400, 900))
    answer = response.get_json()
    assert response.status_code == 200
    assert len(answer["landmarks"]) == 33
    assert all(angle is not None for angle in answer["angles"].values())
    json.dumps(answer, allow_nan=False)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("size", [(1, 1), (2048, 3), (3, 2048)])
def test_odd_photos_are_answered(engine: Engine, size: tuple[int, int]) -> None:
    landmarks = engine.detect(noise(*size))
    assert landmarks is None or len(landmarks) == 33


def test_several_threads_get_the_same_answer(engine: Engine) -> None:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(engine.detect(noise(300, 400)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers[0] == answers[1] == answers[2] is not None


def around(engine: Engine, person: Person | None) -> Hmr2Engine:
    """The engine with a person pretended to be found."""
    assert isinstance(engine, Hmr2Engine)
    return Hmr2Engine(name="hmr2", models=(), find_person=lambda _pixels: person, regress=engine.regress)


def test_nobody_found_is_nobody_answered(engine: Engine) -> None:
    response = create_app(around(engine, None)).test_client().post("/pose", data=photo(64, 48))
    assert (response.status_code, response.get_json()["error"]["code"]) == (422, "no_person")


def test_a_found_person_is_answered_inside_the_box_with_the_detector_s_score(engine: Engine) -> None:
    landmarks = around(engine, Person((500.0, 300.0, 650.0, 700.0), 0.7)).detect(noise(1000, 800))
    assert landmarks is not None
    at = {mark.name: mark for mark in landmarks}
    middle = (at["left_hip"].x + at["right_hip"].x) / 2 * 1000, (at["left_hip"].y + at["right_hip"].y) / 2 * 800
    assert middle == pytest.approx((575, 500), abs=60)
    assert {mark.visibility for mark in landmarks} == {0.0, 0.7}


class Sees:
    """Stands in for ViTDet."""

    def __init__(self, classes: list[int], scores: list[float]) -> None:
        from detectron2.structures import Boxes, Instances

        boxes = torch.tensor([[index, 0.0, index + 10.0, 20.0] for index in range(len(classes))]).reshape(-1, 4)
        found = Instances((40, 40), pred_boxes=Boxes(boxes))
        found.pred_classes, found.scores = torch.tensor(classes), torch.tensor(scores)
        self.found, self.shapes = found, []

    def to(self, _device: Any) -> Sees:
        return self

    def eval(self) -> Sees:
        return self

    def __call__(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.shapes.append((tuple(inputs[0]["image"].shape), inputs[0]["height"], inputs[0]["width"]))
        return [{"instances": self.found}]


@pytest.mark.parametrize(
    ("classes", "scores", "expected"),
    [
        pytest.param([0, 0, 0], [0.6, 0.9, 0.7], 1, id="the highest score"),
        pytest.param([16, 0], [0.99, 0.6], 1, id="no dog"),
        pytest.param([0], [0.5], None, id="a score that does not exceed one half"),
        pytest.param([], [], None, id="nothing at all"),
    ],
)
def test_the_person_is_chosen_by_score(classes: list[int], scores: list[float], expected: int | None) -> None:
    model = Sees(classes, scores)
    person = PersonDetector(model, torch.device("cpu"))(noise(400, 200))
    assert model.shapes == [((3, 512, 1024), 200, 400)]
    if expected is None:
        assert person is None
    else:
        assert person == Person((float(expected), 0.0, expected + 10.0, 20.0), pytest.approx(scores[expected]))


# ---------------------------------------------------------------- weights into networks


def test_a_checkpoint_is_read_without_the_classes_of_its_training() -> None:
    class Callback(dict[str, int]):
        """Of a module that the service does not have."""

    globals()["Callback"], Callback.__qualname__ = Callback, "Callback"
    stream = io.BytesIO()
    torch.save({"state_dict": {"a": torch.arange(3.0)}, "callbacks": Callback(best=1)}, stream)
    del globals()["Callback"]
    stream.seek(0)
    assert read_checkpoint(stream)["a"].tolist() == [0, 1, 2]


def test_what_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the checkpoint of HMR2 cannot be read"):
        read_checkpoint(io.BytesIO(b"no checkpoint"))


def test_an_unfilled_network_takes_the_tensors_of_a_file_as_its_own() -> None:
    with unfilled():
        network = torch.nn.Linear(2, 2)
    state = {"weight": np.eye(2, dtype=np.float32), "bias": torch.zeros(2, dtype=torch.float64), "other": torch.ones(9)}
    adopt(network, state, source="a file")
    assert network(torch.tensor([3.0, 4.0])).tolist() == [3.0, 4.0]
    assert network.bias.dtype == torch.float32


@pytest.mark.parametrize("state", [{"weight": np.eye(2)}, {"weight": np.eye(3), "bias": np.zeros(2)}])
def test_weights_of_another_network_are_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="a file is not the file of this network"):
        adopt(torch.nn.Linear(2, 2), state, source="a file")


def test_torch_and_numpy_data_survive_the_pickle_reader() -> None:
    stream = io.BytesIO()
    data = {
        "list": [1, "two", None],
        "half": torch.ones(2, dtype=torch.float16),
        "at": torch.nn.Parameter(torch.ones(1)),
    }
    torch.save(data, stream)
    stream.seek(0)
    read = torch.load(stream, pickle_module=pickles.as_pickle_module(), weights_only=False)
    assert read["list"] == data["list"]
    assert read["half"].dtype == torch.float16
    assert read["at"].tolist() == [1.0]


# ---------------------------------------------------------------- devices and downloads


def test_the_device_is_the_one_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [choose_device(asked).type for asked in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [choose_device(asked).type for asked in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(ConfigurationError, match="torch sees no CUDA device"):
        choose_device("cuda")
    with pytest.raises(ConfigurationError, match=r"POSE_DEVICE='tpu' is unknown\. Choices: auto, cpu, cuda"):
        choose_device("tpu")


def test_no_library_of_the_engine_can_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet():
        from detectron2.checkpoint import DetectionCheckpointer
        from detectron2.utils.file_io import PathManager
        from hmr2.utils.download import cache_url

    monkeypatch.setenv("FVCORE_CACHE", str(tmp_path))
    url = "https://dl.fbaipublicfiles.com/detectron2/ViTDet/model.pkl"
    forbid_downloads()
    with pytest.raises(DownloadRefused, match=r"dl\.fbaipublicfiles\.com"):
        torch.hub.load_state_dict_from_url(url, model_dir=str(tmp_path))
    with pytest.raises(DownloadRefused, match=r"dl\.fbaipublicfiles\.com"):
        PathManager.get_local_path(url, cache_dir=str(tmp_path))
    with pytest.raises(DownloadRefused, match=r"dl\.fbaipublicfiles\.com"):
        DetectionCheckpointer(torch.nn.Linear(1, 1)).load(url)
    with pytest.raises(DownloadRefused, match=r"cs\.utexas\.edu"):
        cache_url("https://www.cs.utexas.edu/hmr2_data.tar.gz", str(tmp_path / "data"))


def test_missing_weights_stop_the_start_before_a_model_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("POSE_DEVICE", "cpu")
    monkeypatch.setattr(Regressor, "__init__", lambda *_: pytest.fail("built"))
    with pytest.raises(ConfigurationError, match=r"6 problem\(s\) with the 6 weight files"):
        load_engine("hmr2")


def test_random_weights_are_never_written_among_real_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "real.pkl").write_bytes(b"real")
    assert selftest.main(["--device", "cpu", "--write-weights", str(tmp_path)]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["real.pkl"]


def test_the_self_test_of_a_folder_without_a_list_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main(["--device", "cpu", "--weights", str(tmp_path)]) == 1
    assert "is no list of weight files" in capsys.readouterr().err


def test_the_service_says_so_in_one_message(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=TESTS.parent,
        env={**os.environ, "POSE_ENGINE": "hmr2", "POSE_WEIGHTS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("is missing") == 6
    assert "Traceback" not in done.stderr
