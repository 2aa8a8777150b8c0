"""The stack: ports, the CPU overlay, and what `verify` says of containers and logs."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from layerproof.engine import Container
from layerproof.errors import StackError
from layerproof.model import Port, Project, Service
from layerproof.settings import Config
from layerproof.testing import FakeEngine
from layerproof.validation import checked
from layerproof.workflow.stack import needs_cpu_overlay, refuse_taken_ports, services_to_start, verify


def healthy(*names: str) -> tuple[Container, ...]:
    return tuple(Container(name, f"shop-{name}-1", "running", "healthy", 0) for name in names)


def with_port(project: Project, port: int) -> Project:
    services = tuple(
        replace(service, ports=(Port("127.0.0.1", port, 80),)) if service.name == "api" else service
        for service in project.services
    )
    return replace(project, services=services)


def states(project: Project, engine: FakeEngine, config: Config | None = None) -> dict[str, str]:
    return {
        check.name: check.state for check in verify(project, engine=engine, config=config or Config(), environment={})
    }


def refuse_ports(project: Project, engine: FakeEngine) -> None:
    refuse_taken_ports(project, engine=engine, services=project.services)


def with_raw(project: Project, **raw: dict[str, Any]) -> Project:
    services = tuple(replace(service, raw=raw.get(service.name, {})) for service in project.services)
    return replace(project, services=services)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def health_server() -> Iterator[tuple[int, dict[str, Any]]]:
    answer: dict[str, Any] = {"status": "ok", "models": [{"loaded": True}]}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], answer
        server.shutdown()
        thread.join()


def test_a_taken_port_names_port_and_service(project: Project, engine: FakeEngine, taken_port: int) -> None:
    with pytest.raises(StackError, match=f"port {taken_port}, which api publishes"):
        refuse_ports(with_port(project, taken_port), engine)


def test_a_port_that_the_stack_itself_holds_is_no_error(project: Project, engine: FakeEngine, taken_port: int) -> None:
    engine.running = healthy("api")
    refuse_ports(with_port(project, taken_port), engine)
    assert engine.asked == []


@pytest.mark.parametrize(
    ("nvidia", "overlay", "wanted"),
    [
        pytest.param(False, True, True, id="no runtime and an overlay: use it"),
        pytest.param(True, True, False, id="a runtime: keep the reservation"),
        pytest.param(False, False, False, id="no overlay: nothing to add"),
    ],
)
def test_the_cpu_overlay_is_added_where_no_gpu_can_be_had(
    repo: Path, project: Project, engine: FakeEngine, nvidia: bool, overlay: bool, wanted: bool
) -> None:
    engine.answer = replace(engine.answer, nvidia=nvidia)
    gpu = Service("pose", "pose", None, (), gpu=True, raw={})
    if overlay:
        (repo / "docker-compose.cpu.yml").write_text("services: {}\n")
    assert needs_cpu_overlay(replace(project, services=(gpu,)), engine=engine) is wanted


def test_a_healthy_stack_without_probes_holds(project: Project, engine: FakeEngine) -> None:
    engine.running = healthy("api", "web", "db")
    assert set(states(project, engine).values()) == {"ok"}


def test_a_stopped_and_a_missing_container_fail(project: Project, engine: FakeEngine) -> None:
    engine.running = (Container("api", "shop-api-1", "exited", "", 137), *healthy("web"))
    found = states(project, engine)
    assert found["api: container"] == "failed"
    assert found["db: container"] == "failed"
    assert found["web: container"] == "ok"


def test_an_error_in_a_log_fails(project: Project, engine: FakeEngine) -> None:
    engine.running = healthy("api", "web", "db")
    engine.log_text = {"api": "listening\nTypeError: x is not a function\n"}
    assert states(project, engine)["api: log"] == "failed"


def probes(**extra: Any) -> Config:
    probe = {"port": 80, "path": "/health", "json-has": {"status": "ok", "models": [{"loaded": True}]}, **extra}
    return checked({"services": {"api": {"verify": [probe]}}}, Config)


def test_a_probe_that_holds_shows_what_it_saw(
    project: Project, engine: FakeEngine, health_server: tuple[int, dict[str, Any]]
) -> None:
    engine.running = healthy("api", "web", "db")
    checks = verify(
        with_port(project, health_server[0]), engine=engine, config=probes(shows=["status"]), environment={}
    )
    assert [check.detail for check in checks if check.name == "api: /health"] == ["status ok"]


def test_a_model_that_is_not_loaded_fails(
    project: Project, engine: FakeEngine, health_server: tuple[int, dict[str, Any]]
) -> None:
    port, answer = health_server
    answer["models"] = [{"loaded": False}]
    engine.running = healthy("api", "web", "db")
    assert states(with_port(project, port), engine, probes())["api: /health"] == "failed"


def test_a_service_that_does_not_answer_fails(project: Project, engine: FakeEngine) -> None:
    engine.running = healthy("api", "web", "db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert states(with_port(project, port), engine, probes())["api: /health"] == "failed"


WAITS = {"condition": "service_completed_successfully"}


@pytest.mark.parametrize(
    ("raw", "named", "profiles", "started"),
    [
        pytest.param({}, (), "", {"api", "web", "db"}, id="all of them"),
        pytest.param({}, ("api",), "", {"api"}, id="the named one"),
        pytest.param({"api": {"depends_on": {"db": {}}}}, ("api",), "", {"api", "db"}, id="and what it depends on"),
        pytest.param({"web": {"profiles": ["x"]}}, (), "", {"api", "db"}, id="none whose profile is off"),
        pytest.param({"web": {"profiles": ["x"]}}, (), "y,x", {"api", "db", "web"}, id="those whose profile is on"),
        pytest.param({"web": {"profiles": ["x"]}}, ("web",), "", {"web"}, id="a named one, whatever its profile"),
    ],
)
def test_up_starts(
    project: Project, raw: dict[str, Any], named: tuple[str, ...], profiles: str, started: set[str]
) -> None:
    services = services_to_start(with_raw(project, **raw), named=named, environment={"COMPOSE_PROFILES": profiles})
    assert {service.name for service in services} == started


def test_a_service_whose_profile_is_off_is_not_missed(project: Project, engine: FakeEngine) -> None:
    engine.running = healthy("api", "web")
    assert "db: container" not in states(with_raw(project, db={"profiles": ["tools"]}), engine)


def test_a_job_that_ended_well_holds_and_one_that_failed_does_not(project: Project, engine: FakeEngine) -> None:
    waiting = with_raw(project, api={"depends_on": {"db": WAITS}})
    engine.running = (*healthy("api", "web"), Container("db", "shop-db-1", "exited", "", 0))
    assert states(waiting, engine)["db: container"] == "ok"
    engine.running = (*healthy("api", "web"), Container("db", "shop-db-1", "exited", "", 1))
    assert states(waiting, engine)["db: container"] == "failed"
