"""
The runs of a snowboard season over HTTP.

GET    /health         whether the store answers, and how many runs it holds
GET    /api/runs       all runs, newest day first
POST   /api/runs       one run: date, place, vertical_m, note
DELETE /api/runs/<id>  forget a run
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from flask_cors import CORS
from werkzeug.exceptions import HTTPException

from runlog.model import InvalidRunError, parse_run
from runlog.store import RunStore

DEFAULT_DATABASE = "runs.db"
DEFAULT_ORIGINS = "http://localhost:5173,http://127.0.0.1:5173"
MAX_BODY_BYTES = 16 * 1024


def create_app(store: RunStore | None = None, *, origins: str | None = None) -> Flask:
    """
    The API around a store.

    Args:
        store: where runs are kept; without one, the file that RUNLOG_DATABASE names.
        origins: pages that may call, joined by commas; without them, those of CORS_ORIGINS.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    runs = store or RunStore(Path(os.environ.get("RUNLOG_DATABASE") or DEFAULT_DATABASE))
    allowed = origins or os.environ.get("CORS_ORIGINS") or DEFAULT_ORIGINS
    # A browser asks before it sends JSON from another origin; it remembers the answer for ten minutes.
    CORS(app, origins=[origin.strip() for origin in allowed.split(",")], resources=r"/api/*", max_age=600)

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "ok", "runs": runs.count()}

    @app.get("/api/runs")
    def list_runs() -> dict[str, Any]:
        return {"runs": [run.as_json() for run in runs.all()]}

    @app.post("/api/runs")
    def add_run() -> tuple[dict[str, Any], int]:
        return runs.add(parse_run(request.get_json())).as_json(), 201

    @app.delete("/api/runs/<int:identifier>")
    def remove_run(identifier: int) -> tuple[Response | str, int]:
        if not runs.remove(identifier):
            return jsonify(error={"message": "There is no such run."}), 404
        return "", 204

    @app.errorhandler(InvalidRunError)
    def refuse(error: InvalidRunError) -> tuple[Response, int]:
        return jsonify(error={"message": str(error), "field": error.field}), 400

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error={"message": error.description}), error.code or 500

    return app
