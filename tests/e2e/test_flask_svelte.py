"""The second stack, from its own folder: built, proven, checked, explained, audited, run, and used in a browser."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from msgspec.structs import replace
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from .conftest import Repo, build_everything, free_ports

PROJECT = "layerproof-e2e-season"
PROBES = {"noop", "source", "manifest", "unrelated", "touch", "sibling"}
SERVICES = {"backend", "frontend"}
LIMIT_S = 30
WIDE, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def season(repo: Repo) -> Repo:
    """The example, as its README says to start: stand-ins where no registry answers, then a build."""
    ports = dict(zip(("BACKEND_PORT", "FRONTEND_PORT"), map(str, free_ports(2)), strict=True))
    environment = {**repo.environment, **ports, "COMPOSE_PROJECT_NAME": PROJECT}
    found = replace(repo, root=repo.root / "examples" / "flask-svelte", environment=environment)
    found.run("lab", "--auto")
    build_everything(found)
    return found


@pytest.fixture(scope="module")
def running(season: Repo) -> Iterator[Repo]:
    try:
        season.run("up")
        yield season
    finally:
        season.run("down", "--volumes", "--yes", check=False)


@contextmanager
def container(season: Repo, image: str, *command: str, api: str) -> Iterator[str]:
    """A container of an image of the page, told another API: the address at which it answers."""
    name = f"{PROJECT}-{uuid.uuid4().hex[:8]}"
    options = ["--detach", "--rm", "--name", name, "--publish", "127.0.0.1::5173"]
    try:
        season.call(["docker", "run", *options, "--env", f"PUBLIC_API_BASE_URL={api}", image, *command])
        yield f"http://{season.call(['docker', 'port', name, '5173']).stdout.strip()}"
    finally:
        season.call(["docker", "rm", "--force", name], check=False)


def get(url: str) -> requests.Response:
    """The answer of a server that may still be starting."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(total=8, backoff_factor=0.2)))
        return session.get(url, timeout=LIMIT_S)


@contextmanager
def opened(browser: Any, url: str, *, size: tuple[int, int] = WIDE, scheme: str = "light") -> Iterator[Any]:
    """The page, with all that it has asked for in `tab.asked`; what it complains about fails the test."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    tab = context.new_page()
    tab.asked, noise = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("pageerror", lambda error: noise.append(str(error)))
    tab.on("console", lambda message: noise.append(message.text) if message.type == "error" else None)
    try:
        tab.goto(url)
        tab.get_by_text("Loading").wait_for(state="detached", timeout=LIMIT_S * 1000)
        yield tab
    finally:
        context.close()
    assert noise == []


def test_nothing_is_found_by_layerproof_hadolint_and_buildkit(season: Repo) -> None:
    document = json.loads(season.run("check", "--strict", "--format", "json").stdout)
    assert (document["findings"], document["unchecked"]) == ([], [])
    assert {"hadolint", "buildkit"} <= set(" ".join(document["checked"]).replace(",", " ").split())


def test_the_images_hold_no_compiler_and_no_package_manager(season: Repo) -> None:
    document = json.loads(season.run("audit", "--format", "json").stdout)
    assert document["passed"]
    assert {image["image"]: (image["forbidden"], image["allowed"]) for image in document["images"]} == dict.fromkeys(
        SERVICES, ([], [])
    )


def test_every_probe_of_the_proof_holds(season: Repo) -> None:
    verdicts = json.loads(season.run("prove", "--format", "json").stdout)["verdicts"]
    held = {(verdict["image"], verdict["probe"]) for verdict in verdicts if verdict["outcome"] == "held"}
    assert held == {(service, probe) for service in SERVICES for probe in PROBES}
    assert {verdict["outcome"] for verdict in verdicts} <= {"held", "not applicable"}


@pytest.mark.parametrize(
    ("service", "path", "line"),
    [
        pytest.param("backend", "backend/runlog/model.py", "# {}\n", id="the backend"),
        pytest.param("frontend", "frontend/src/lib/season.ts", "// {}\n", id="the frontend"),
    ],
)
def test_an_edit_is_explained(season: Repo, service: str, path: str, line: str) -> None:
    file = season.root / path
    text = file.read_text(encoding="utf-8")
    file.write_text(text + line.format(uuid.uuid4().hex), encoding="utf-8")
    try:
        built = season.build()
        assert {name for name, image in built.items() if image["action"] == "built"} == {service}
        causes = json.loads(season.run("why", "--service", service, "--format", "json").stdout)["images"][0]["causes"]
        assert any(cause["cause"] == "file" and Path(path).name in " ".join(cause["detail"]) for cause in causes), (
            causes
        )
        assert not any("npm ci" in cause["step"] or "pip install" in cause["step"] for cause in causes)
    finally:
        file.write_text(text, encoding="utf-8")
        season.run("build")


def test_a_running_stack_is_verified_and_reported(running: Repo, tmp_path: Path) -> None:
    checks = json.loads(running.run("verify", "--format", "json").stdout)["checks"]
    assert {"backend: /health", "frontend: /", "frontend: /health", "backend: log"} <= {each["name"] for each in checks}
    page = tmp_path / "report.html"
    running.run("report", "--no-check", "--output", str(page))
    assert "flask-svelte-frontend" in page.read_text(encoding="utf-8")


def test_a_run_is_added_in_the_browser_and_survives_a_restart(running: Repo, browser: Any) -> None:
    api, place = f"http://localhost:{running.environment['BACKEND_PORT']}/api/runs", f"Nevis {uuid.uuid4().hex[:6]}"
    with opened(browser, running.url("FRONTEND_PORT")) as tab:
        assert api in tab.asked
        tab.get_by_label("Place").fill(place)
        tab.get_by_label("Metres down").fill("640")
        tab.get_by_label("Note").fill("<b>Windy</b>")
        tab.get_by_role("button", name="Add run").click()
        entry = tab.get_by_test_id("run").filter(has_text=place)
        entry.wait_for(timeout=LIMIT_S * 1000)
        assert "<b>Windy</b>" in entry.inner_text()
    running.run("restart")
    running.run("up")
    with opened(browser, running.url("FRONTEND_PORT")) as tab:
        entry = tab.get_by_test_id("run").filter(has_text=place)
        entry.wait_for(timeout=LIMIT_S * 1000)
        entry.get_by_role("button", name=f"Remove {place}").click()
        entry.wait_for(state="detached", timeout=LIMIT_S * 1000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_can_be_read_by_everybody(running: Repo, browser: Any, size: tuple[int, int], scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    run = {"date": "2026-01-17", "place": "Nevis Range", "vertical_m": 640, "note": "Windy"}
    kept = requests.post(running.url("BACKEND_PORT", "/api/runs"), json=run, timeout=LIMIT_S).json()
    with opened(browser, running.url("FRONTEND_PORT"), size=size, scheme=scheme) as tab:
        tab.get_by_test_id("run").first.wait_for(timeout=LIMIT_S * 1000)
        violations = [(item["id"], item["nodes"][0]["html"]) for item in Axe().run(tab).response["violations"]]
        assert violations == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    requests.delete(running.url("BACKEND_PORT", f"/api/runs/{kept['id']}"), timeout=LIMIT_S)


def test_another_api_address_is_called_without_a_single_step_run_again(running: Repo, browser: Any) -> None:
    base = f"http://127.0.0.1:{running.environment['BACKEND_PORT']}"
    document = json.loads(running.run("build", "--format", "json", PUBLIC_API_BASE_URL=base).stdout)
    found = {image["image"]: (image["action"], image["ran"]) for image in document["images"]}
    assert found == {"backend": ("unchanged", 0), "frontend": ("built", 0)}
    try:
        running.run("up", PUBLIC_API_BASE_URL=base)
        with opened(browser, running.url("FRONTEND_PORT")) as tab:
            assert f"{base}/api/runs" in tab.asked
            assert not any("localhost" in url for url in tab.asked)
            assert tab.get_by_test_id("api").inner_text() == base
    finally:
        running.run("up")


def test_the_environment_of_a_container_wins_over_the_address_in_its_image(season: Repo) -> None:
    base = "http://api.example:5001"
    with container(season, "flask-svelte-frontend", api=base) as url:
        assert get(f"{url}/health").json() == {"status": "ok", "api": base}
        assert base in get(url).text


def test_npm_run_preview_serves_the_same_page_where_npm_is(season: Repo) -> None:
    script = json.loads((season.root / "frontend" / "package.json").read_text(encoding="utf-8"))["scripts"]["preview"]
    flags = ["--host", "0.0.0.0", "--port", "5173"]
    inspect = ["docker", "image", "inspect", "--format", "{{json .Config.Cmd}}", "flask-svelte-frontend"]
    assert json.loads(season.call(inspect).stdout) == [*script.split(), *flags]
    tag = f"{PROJECT}:{uuid.uuid4().hex[:8]}"
    bake = json.loads(season.run("graph", "--format", "bake").stdout)["target"]["frontend"]
    arguments = [word for name, value in bake.get("args", {}).items() for word in ("--build-arg", f"{name}={value}")]
    try:
        season.call(["docker", "buildx", "build", "--target", "build", "--tag", tag, *arguments, "frontend"])
        with container(season, tag, "npm", "run", "preview", "--", *flags, api="http://api.example") as url:
            assert get(f"{url}/health").json()["api"] == "http://api.example"
    finally:
        season.call(["docker", "image", "rm", "--force", tag], check=False)


def test_the_backend_answers_pages_of_its_own_frontend_only(running: Repo) -> None:
    own, other = running.url("FRONTEND_PORT"), "http://elsewhere.example"
    address = running.url("BACKEND_PORT", "/api/runs")
    answers = {origin: requests.get(address, headers={"Origin": origin}, timeout=LIMIT_S) for origin in (own, other)}
    allowed = "Access-Control-Allow-Origin"
    assert answers[own].headers.get(allowed) == own
    assert allowed not in answers[other].headers


def test_containers_stop_at_once(running: Repo) -> None:
    """A server that does not hear the signal to stop holds every restart for ten seconds, and ends with 137."""
    running.call(["docker", "compose", "--file", "infra/docker-compose.yml", "stop"])
    listed = running.call(
        ["docker", "compose", "--file", "infra/docker-compose.yml", "ps", "--all", "--format", "json"]
    )
    codes = {item["Service"]: item["ExitCode"] for item in map(json.loads, listed.stdout.splitlines())}
    running.run("up")
    assert set(codes) == SERVICES
    assert 137 not in codes.values()
