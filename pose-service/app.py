"""
Pose estimation over HTTP.

GET  /health  what runs here: engine, models, GPU
POST /pose    one photo (multipart field `image`, or the bytes as the body) to landmarks and joint angles
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from pose.angles import joint_angles
from pose.decoding import MAX_IMAGE_BYTES, decode
from pose.engine import Engine, load_engine
from pose.errors import ConfigurationError, MissingImage, NoPerson, PoseError, error_body
from pose.gpu import detect_gpu
from pose.landmarks import Landmark
from pose.logs import configure_logs, log_request
from pose.server import serve, stop_on_sigterm

MAX_BODY_BYTES = MAX_IMAGE_BYTES + 64 * 1024  # room for the frame that multipart puts around the image
DEFAULT_ENGINE = "mediapipe"
DEFAULT_PORT = 5000

log = logging.getLogger("pose")


def create_app(engine: Engine | None = None) -> Flask:
    """The service around an engine; without one, around the one that POSE_ENGINE names."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it, its base class does not
    pose_engine = engine or load_engine(os.environ.get("POSE_ENGINE", DEFAULT_ENGINE))
    gpu = asdict(detect_gpu())
    decoding = threading.Lock()  # one photo at full size in memory at a time, however many arrive

    @app.get("/health")
    def health() -> dict[str, Any]:
        models = [asdict(model) for model in pose_engine.models()]
        return {"status": "ok", "engine": pose_engine.name, "models": models, "gpu": gpu}

    @app.post("/pose")
    def pose() -> dict[str, Any]:
        started = time.perf_counter()
        data = _uploaded()
        with decoding:
            photo = decode(data)
        landmarks = pose_engine.detect(photo.pixels)
        if landmarks is None:
            raise NoPerson("No person was found in the image.")
        return {
            "engine": pose_engine.name,
            "image": {"width": photo.width, "height": photo.height},
            "landmarks": [_rendered(landmark) for landmark in landmarks],
            "angles": joint_angles(landmarks, width=photo.width, height=photo.height),
            "duration_ms": _since_ms(started),
        }

    _add_errors(app)
    _add_request_log(app)
    return app


def _uploaded() -> bytes:
    if request.mimetype != "multipart/form-data":
        return request.get_data(cache=False)
    upload = request.files.get("image")
    if upload is None:
        raise MissingImage("The form has no file field named 'image'.")
    data: bytes = upload.read()
    return data


def _rendered(landmark: Landmark) -> dict[str, str | float]:
    """
    A landmark as the contract has it: a point thought to lie outside the image is moved to its edge.

    The angles are taken before that, since moving a point would bend the limb.
    """
    return {
        "name": landmark.name,
        "x": round(min(max(landmark.x, 0.0), 1.0), 5),
        "y": round(min(max(landmark.y, 0.0), 1.0), 5),
        "z": round(landmark.z, 5),
        "visibility": round(min(max(landmark.visibility, 0.0), 1.0), 5),
    }


def _add_errors(app: Flask) -> None:
    def answer(status: int, code: str, message: str) -> tuple[Response, int]:
        g.code = code
        return jsonify(error_body(code, message)), status

    @app.errorhandler(PoseError)
    def refused(error: PoseError) -> tuple[Response, int]:
        return answer(error.status, error.code, error.message)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        code = "too_large" if status == 413 else error.name.lower().replace(" ", "_")
        return answer(status, code, error.description or error.name)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> tuple[Response, int]:
        log.exception("unexpected failure of %s %s", request.method, request.path, exc_info=error)
        return answer(500, "internal_error", "The service failed; its log says why.")


def _add_request_log(app: Flask) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        # Probes that succeed come every few seconds and would bury everything else.
        if request.path != "/health" or response.status_code != 200:
            log_request(
                method=request.method,
                path=request.path,
                status=response.status_code,
                duration_ms=_since_ms(g.started),
                code=g.get("code"),
            )
        return response


def _since_ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def main() -> int:
    """Load the models, then serve."""
    stop_on_sigterm()
    configure_logs()
    try:
        app = create_app()
    except ConfigurationError as error:
        print(f"pose-service cannot start: {error}", file=sys.stderr)  # noqa: T201  # the one line its user needs
        return 2
    port = int(os.environ.get("PORT", DEFAULT_PORT))
    log.info("ready on port %d", port)
    # All interfaces of the container; which of them the machine publishes is for Compose to say.
    serve(app, host="0.0.0.0", port=port, max_body_bytes=MAX_BODY_BYTES)  # noqa: S104
    return 0


if __name__ == "__main__":
    sys.exit(main())
