"""The running stack: verified, used as a person uses it, and fed with what it must refuse."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from .conftest import Repo

LIMIT_S = 60


def upload(repo: Repo, name: str, data: bytes) -> requests.Response:
    return requests.post(repo.url("BACKEND_API_PORT", "/api/analyses"), files={"image": (name, data)}, timeout=LIMIT_S)


def jpeg(photo: Path) -> bytes:
    stream = io.BytesIO()
    Image.open(photo).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of side x side black pixels: small as a file, huge once decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_healthy_stack_is_verified(stack: Repo) -> None:
    document = json.loads(stack.run("verify", "--format", "json").stdout)
    assert document["passed"]
    names = {check["name"] for check in document["checks"]}
    assert {
        "pose-service: /health",
        "backend-api: /health",
        "frontend: /",
        "mongodb: container",
        "mongo-express: log",
    } <= names


def test_the_plain_compose_command_brings_the_stack_up_without_layerproof(stack: Repo) -> None:
    files = "docker-compose.yml:docker-compose.cpu.yml"
    stack.run("down")
    stack.call(["docker", "compose", "up", "--detach", "--wait"], COMPOSE_FILE=files)
    assert stack.run("verify", COMPOSE_FILE=files).returncode == 0
    assert stack.run("check", COMPOSE_FILE=files).returncode == 0


def test_a_photo_goes_through_the_backend_and_is_kept(stack: Repo, photo: Path) -> None:
    answer = upload(stack, "astronaut.png", photo.read_bytes())
    assert answer.status_code == 201, answer.text
    analysis = answer.json()
    assert len(analysis["landmarks"]) == 33
    assert len(analysis["angles"]) == 10
    visible = {mark["name"]: mark for mark in analysis["landmarks"] if mark["visibility"] > 0.5}
    # The astronaut faces the camera: her nose is in the upper middle, her left shoulder right of her right one.
    assert 0.3 < visible["nose"]["x"] < 0.6
    assert 0.1 < visible["nose"]["y"] < 0.4
    assert visible["left_shoulder"]["x"] > visible["right_shoulder"]["x"]
    stored = requests.get(stack.url("BACKEND_API_PORT", f"/api/analyses/{analysis['id']}"), timeout=LIMIT_S).json()
    assert stored["landmarks"] == analysis["landmarks"]
    listed = requests.get(stack.url("FRONTEND_PORT", "/api/analyses"), timeout=LIMIT_S).json()["items"]
    assert analysis["id"] in {item["id"] for item in listed}


def test_documents_survive_a_restart_of_the_database(stack: Repo, photo: Path) -> None:
    identifier = upload(stack, "kept.png", photo.read_bytes()).json()["id"]
    stack.run("restart", "--service", "mongodb")
    stack.run("up")
    found = requests.get(stack.url("BACKEND_API_PORT", f"/api/analyses/{identifier}"), timeout=LIMIT_S)
    assert found.status_code == 200


@pytest.mark.parametrize(
    ("name", "make", "status"),
    [
        pytest.param("note.txt", lambda _: b"not an image", 415, id="a text file is no image"),
        pytest.param("cut.jpg", lambda photo: jpeg(photo)[:2000], 422, id="a truncated JPEG is damaged"),
        pytest.param("bomb.png", lambda _: bomb(30_000), 413, id="a decompression bomb is refused by its header"),
        pytest.param("big.jpg", lambda _: bytes(60 * 2**20), 413, id="60 MiB are too large"),
        pytest.param("empty.jpg", lambda _: b"", 400, id="an empty file is no image"),
    ],
)
def test_a_bad_upload_gets_its_status_and_the_services_keep_answering(
    stack: Repo, photo: Path, name: str, make: Any, status: int
) -> None:
    before = requests.get(stack.url("BACKEND_API_PORT", "/api/analyses"), timeout=LIMIT_S).json()["items"]
    answer = upload(stack, name, make(photo))
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert requests.get(stack.url("BACKEND_API_PORT", "/health"), timeout=LIMIT_S).json()["status"] == "ok"
    after = requests.get(stack.url("BACKEND_API_PORT", "/api/analyses"), timeout=LIMIT_S).json()["items"]
    assert [item["id"] for item in after] == [item["id"] for item in before]


@pytest.fixture
def page(stack: Repo, browser: Any) -> Iterator[Any]:
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.goto(stack.url("FRONTEND_PORT"))
    yield tab
    tab.close()
    assert errors == []


def test_the_page_draws_the_skeleton_of_an_uploaded_photo(page: Any, photo: Path, tmp_path: Path) -> None:
    page.get_by_test_id("upload").set_input_files(photo)
    skeleton = page.get_by_test_id("skeleton")
    skeleton.wait_for(timeout=LIMIT_S * 1000)
    assert skeleton.get_attribute("data-landmarks") == "33"
    assert page.get_by_test_id("history-item").count() >= 1
    picture = tmp_path / "page.png"
    page.screenshot(path=picture)
    colors = Image.open(picture).convert("RGB").resize((64, 64)).getcolors(maxcolors=64 * 64)
    assert colors is not None
    assert len(colors) > 50


def test_verify_fails_when_pose_service_is_stopped(stack: Repo) -> None:
    compose = ["docker", "compose", "--file", "docker-compose.yml", "--file", "docker-compose.cpu.yml"]
    stack.call([*compose, "stop", "pose-service"])
    try:
        done = stack.run("verify", check=False)
        assert done.returncode == 1
        assert "pose-service: container" in done.stdout
        assert "backend-api: /health" in done.stdout
    finally:
        stack.run("up")
    assert stack.run("verify", check=False).returncode in (0, 1)
