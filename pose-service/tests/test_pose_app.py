from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from app import MAX_BODY_BYTES, create_app, main
from fakes import FakeEngine, photo
from pose.decoding import MAX_IMAGE_BYTES, Pixels
from pose.gpu import Gpu, detect_gpu
from pose.landmarks import LANDMARK_NAMES, Landmark


def form(data: bytes, *, field: str = "image") -> dict[str, Any]:
    return {"data": {field: (io.BytesIO(data), "photo.jpg")}, "content_type": "multipart/form-data"}


def raw(data: bytes, *, content_type: str = "image/jpeg") -> dict[str, Any]:
    return {"data": data, "content_type": content_type}


def black() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48)).save(stream, "PNG")
    return stream.getvalue()


def test_health_names_engine_models_and_gpu(client: FlaskClient) -> None:
    answer = client.get("/health").get_json()
    assert (answer["status"], answer["engine"]) == ("ok", "fake")
    assert answer["models"] == [{"name": "none_needed", "loaded": True}]
    assert set(answer["gpu"]) == {"available", "name"}


@pytest.mark.parametrize(
    "request_args",
    [
        pytest.param(form(photo()), id="a form"),
        pytest.param(raw(photo()), id="a body"),
        pytest.param(raw(photo("WEBP"), content_type="image/jpeg"), id="a body of another format than it says"),
        pytest.param(raw(photo(), content_type=""), id="a body that says nothing"),
    ],
)
def test_a_photo_becomes_landmarks_and_angles(client: FlaskClient, request_args: dict[str, Any]) -> None:
    response = client.post("/pose", **request_args)
    answer = response.get_json()
    assert response.status_code == 200
    assert answer["image"] == {"width": 64, "height": 48}
    assert [landmark["name"] for landmark in answer["landmarks"]] == list(LANDMARK_NAMES)
    assert len(answer["angles"]) == 10
    assert answer["duration_ms"] >= 0


def test_coordinates_stay_inside_the_image(client: FlaskClient) -> None:
    landmarks = client.post("/pose", **form(photo())).get_json()["landmarks"]
    assert all(0 <= landmark[axis] <= 1 for landmark in landmarks for axis in ("x", "y", "visibility"))


@pytest.mark.parametrize(
    ("request_args", "status", "code"),
    [
        pytest.param(raw(b""), 400, "missing_image", id="an empty body"),
        pytest.param(form(b""), 400, "missing_image", id="an empty file"),
        pytest.param(form(photo(), field="photo"), 400, "missing_image", id="another field"),
        pytest.param(form(b"some text"), 415, "unsupported_media", id="text named .jpg"),
        pytest.param(form(photo()[:-200]), 422, "damaged_image", id="a cut photo"),
        pytest.param(form(black()), 422, "no_person", id="nobody there"),
        pytest.param(raw(bytes(MAX_IMAGE_BYTES + 1)), 413, "too_large", id="one byte too many"),
        pytest.param(raw(bytes(MAX_BODY_BYTES + 1)), 413, "too_large", id="far too many bytes"),
    ],
)
def test_a_refusal_has_status_code_and_message(
    client: FlaskClient, request_args: dict[str, Any], status: int, code: str
) -> None:
    response = client.post("/pose", **request_args)
    assert response.status_code == status
    assert response.get_json()["error"]["code"] == code
    assert response.get_json()["error"]["message"].endswith(".")


def test_unknown_paths_and_methods_answer_in_the_same_shape(client: FlaskClient) -> None:
    assert client.get("/nowhere").get_json()["error"]["code"] == "not_found"
    assert client.get("/pose").get_json()["error"]["code"] == "method_not_allowed"


class BrokenEngine(FakeEngine):
    def detect(self, pixels: Pixels) -> list[Landmark] | None:
        raise RuntimeError("a bug")


def test_a_bug_is_logged_with_its_traceback_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    response = create_app(BrokenEngine()).test_client().post("/pose", **form(photo()))
    assert response.status_code == 500
    assert response.get_json() == {
        "error": {"code": "internal_error", "message": "The service failed; its log says why."}
    }
    assert "RuntimeError: a bug" in caplog.text


def test_one_line_per_request_and_none_for_a_good_probe(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="pose.access"):
        client.get("/health")
        client.post("/pose", **form(b"text"))
    (record,) = caplog.records
    line = json.loads(record.message)
    assert (line["method"], line["path"], line["status"], line["code"]) == ("POST", "/pose", 415, "unsupported_media")


def test_an_unknown_engine_stops_the_start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("POSE_ENGINE", "magic")
    monkeypatch.setattr("app.stop_on_sigterm", lambda: None)
    monkeypatch.setattr("app.configure_logs", lambda: None)
    assert main() == 2
    assert "POSE_ENGINE='magic' is unknown. Engines: mediapipe, hmr2, hmr2-selftest." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("nodes", "available"),
    [
        pytest.param([], False, id="no driver"),
        pytest.param(["nvidiactl", "nvidia-uvm"], False, id="a driver without a GPU"),
        pytest.param(["nvidiactl", "nvidia0"], True, id="one GPU"),
    ],
)
def test_a_gpu_is_seen_by_its_device_node(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nodes: list[str], available: bool
) -> None:
    monkeypatch.setattr("shutil.which", lambda _tool: None)
    for node in nodes:
        (tmp_path / node).touch()
    assert detect_gpu(tmp_path) == Gpu(available=available, name=None)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("echo 'NVIDIA A100'", Gpu(available=True, name="NVIDIA A100"), id="it names the GPU"),
        pytest.param("echo no driver >&2; exit 9", Gpu(available=False, name=None), id="it finds no driver"),
    ],
)
def test_nvidia_smi_is_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, expected: Gpu) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _tool: str(tool))
    assert detect_gpu(tmp_path / "none") == expected
