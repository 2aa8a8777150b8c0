"""The API as a browser uses it, on a store of its own."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from runlog import create_app
from runlog.store import RunStore

PAGE = "http://localhost:5173"
RUN = {"date": "2026-01-17", "place": "Nevis Range", "vertical_m": 640, "note": "Windy"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with create_app(RunStore(tmp_path / "runs.db"), origins=PAGE).test_client() as found:
        yield found


def test_a_run_is_kept_and_listed(client: FlaskClient) -> None:
    kept = client.post("/api/runs", json=RUN)
    assert kept.status_code == 201
    assert kept.json == {**RUN, "id": 1}
    assert client.get("/api/runs").json == {"runs": [{**RUN, "id": 1}]}
    assert client.get("/health").json == {"status": "ok", "runs": 1}


def test_runs_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    create_app(RunStore(path)).test_client().post("/api/runs", json=RUN)
    assert create_app(RunStore(path)).test_client().get("/health").json == {"status": "ok", "runs": 1}


def test_the_newest_day_comes_first_and_within_it_the_last_run(client: FlaskClient) -> None:
    for date, place in [("2026-01-17", "first"), ("2026-02-01", "later day"), ("2026-01-17", "last")]:
        client.post("/api/runs", json={**RUN, "date": date, "place": place})
    listed = client.get("/api/runs").get_json()["runs"]
    assert [run["place"] for run in listed] == ["later day", "last", "first"]


def test_a_run_is_removed_once(client: FlaskClient) -> None:
    client.post("/api/runs", json=RUN)
    assert client.delete("/api/runs/1").status_code == 204
    again = client.delete("/api/runs/1")
    assert again.status_code == 404
    assert again.get_json()["error"]["message"] == "There is no such run."


TOMORROW = (datetime.datetime.now(tz=datetime.timezone.utc) + datetime.timedelta(days=2)).date().isoformat()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"date": "17.01.2026"}, "date", id="a date in another notation"),
        pytest.param({"date": None}, "date", id="no date"),
        pytest.param({"date": TOMORROW}, "date", id="a day that is still to come"),
        pytest.param({"place": "  "}, "place", id="a place of spaces"),
        pytest.param({"place": "x" * 81}, "place", id="a place that is too long"),
        pytest.param({"vertical_m": 0}, "vertical_m", id="no metres"),
        pytest.param({"vertical_m": 9001}, "vertical_m", id="higher than any mountain"),
        pytest.param({"vertical_m": "640"}, "vertical_m", id="metres as a text"),
        pytest.param({"vertical_m": True}, "vertical_m", id="metres as a truth"),
        pytest.param({"note": 5}, "note", id="a note that is a number"),
    ],
)
def test_what_is_no_run_is_refused_with_the_field(client: FlaskClient, change: dict[str, Any], field: str) -> None:
    answer = client.post("/api/runs", json={**RUN, **change})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["field"] == field
    assert client.get("/health").get_json()["runs"] == 0


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"[]", "application/json", 400, id="a list"),
        pytest.param(b"{", "application/json", 400, id="half an object"),
        pytest.param(b"{}", "text/plain", 415, id="a text"),
        pytest.param(b'"' + b"x" * 20_000 + b'"', "application/json", 413, id="a body that is too large"),
    ],
)
def test_a_body_that_is_no_object_is_explained(client: FlaskClient, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/api/runs", data=body, content_type=kind)
    assert answer.status_code == status
    assert answer.get_json()["error"]["message"]


def test_a_page_of_an_allowed_origin_may_read_add_and_remove(client: FlaskClient) -> None:
    wanted = {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}
    answer = client.options("/api/runs/1", headers=wanted)
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert client.get("/api/runs", headers={"Origin": PAGE}).headers["Access-Control-Allow-Origin"] == PAGE


def test_a_page_of_another_origin_may_not(client: FlaskClient) -> None:
    answer = client.get("/api/runs", headers={"Origin": "http://elsewhere.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_an_unknown_address_is_answered_in_json(client: FlaskClient) -> None:
    assert client.get("/api/nothing").get_json()["error"]["message"]
