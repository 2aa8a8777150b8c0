"""Run the stack: what `up` needs first, and whether what runs holds what it should."""

from __future__ import annotations

import errno
import json
import re
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from layerproof.compose_files import overlay_file
from layerproof.engine import Container, Engine
from layerproof.errors import StackError
from layerproof.model import Check, Port, Project, Service
from layerproof.settings import Config, Probe
from layerproof.workflow.load import compose_call

if TYPE_CHECKING:
    import requests

ANSWER_TIMEOUT_S = 20.0
SHOWN_ANSWER = 400
# "level":"error", ERROR in worker, TypeError: x, Traceback (most recent call last) - not "error":null or "0 errors"
_ERROR = re.compile(r"\b(?i:error|exception|traceback|fatal|panic)\b|[a-z](?:Error|Exception)\b")
_NO_ERROR = re.compile(r"\"errors?\"\s*:\s*(null|false|0|\"\"|\[\]|\{\})|\b(0|no|without) errors?\b", re.IGNORECASE)


def services_to_start(
    project: Project, *, named: Collection[str] = (), environment: Mapping[str, str]
) -> tuple[Service, ...]:
    """
    The services that `docker compose up` starts: the named ones, or all whose profile is on, with what they depend on.

    Args:
        environment: where COMPOSE_PROFILES is looked up.
    """
    profiles = {name.strip() for name in environment.get("COMPOSE_PROFILES", "").split(",")}
    by_name = {service.name: service for service in project.services}
    waiting = list(named) or [service.name for service in project.services if _is_on(service, profiles)]
    wanted: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in wanted:
            wanted.add(name)
            waiting += list(by_name[name].raw.get("depends_on") or ())
    return tuple(service for service in project.services if service.name in wanted)


def _is_on(service: Service, profiles: set[str]) -> bool:
    own = service.raw.get("profiles") or ()
    return not own or "*" in profiles or bool(profiles.intersection(own))


def needs_cpu_overlay(project: Project, *, engine: Engine) -> bool:
    """Whether a service reserves a GPU that this engine cannot give, and an overlay that takes it back exists."""
    reserved = any(service.gpu for service in project.services)
    return reserved and overlay_file(project.compose_files[0], "cpu") is not None and not engine.info().nvidia


def refuse_taken_ports(project: Project, *, engine: Engine, services: Sequence[Service]) -> None:
    """
    Check the ports that these services publish, before anything is started.

    Raises:
        StackError: another program listens on one; the message names port and service.
    """
    running = {
        container.service for container in engine.containers(compose_call(project)) if container.state == "running"
    }
    for service in services:
        if service.name in running:
            continue
        for port in service.ports:
            if port.published and _is_taken(port.host_ip, port.published):
                raise StackError(
                    f"port {port.published}, which {service.name} publishes, is taken by another program",
                    hint=f"Find it: ss -ltnp 'sport = :{port.published}'. Stop it, or publish another port: "
                    f"set its port variable in .env, or change its `ports` in {project.compose_files[0].name}.",
                )


def verify(project: Project, *, engine: Engine, config: Config, environment: Mapping[str, str]) -> Iterator[Check]:
    """
    Whether the running stack holds what it should (R12), check by check as they are made.

    Every service must run and be healthy (one that others only wait for must have ended well), answer its probes
    (`verify` in the configuration), and its logs since the last start must hold no error. Services of Compose profiles
    that are off count only where they run.
    """
    containers = engine.containers(compose_call(project))
    started = {service.name for service in services_to_start(project, environment=environment)}
    started |= {item.service for item in containers}
    services = [service for service in project.services if service.name in started]
    jobs = one_shot_services(project)
    for service in services:
        own = [item for item in containers if item.service == service.name]
        yield _container_check(service, own, is_job=service.name in jobs)
    for service in services:
        for probe in config.service(service.name).verify:
            yield _probe_check(service, probe)
    for service in services:
        if any(item.service == service.name for item in containers):
            text = engine.logs(compose_call(project), service.name)
            yield _log_check(service.name, text, config.service(service.name).log_ignore)


def unhealthy(project: Project, *, engine: Engine) -> tuple[Container, ...]:
    """The containers that are not running, or are running and not healthy; jobs that ended well are neither."""
    jobs = one_shot_services(project)
    return tuple(
        item
        for item in engine.containers(compose_call(project))
        if not _has_ended_well(item, jobs) and (item.state != "running" or item.health not in ("", "healthy"))
    )


def one_shot_services(project: Project) -> frozenset[str]:
    """The services that another one waits for to end, such as a migration."""
    return frozenset(
        name
        for service in project.services
        for name, how in (service.raw.get("depends_on") or {}).items()
        if how.get("condition") == "service_completed_successfully"
    )


def _has_ended_well(container: Container, jobs: Collection[str]) -> bool:
    return container.service in jobs and container.state == "exited" and container.exit_code == 0


def address(port: Port) -> str:
    """Where a published port answers on this machine."""
    host = "127.0.0.1" if port.host_ip in ("", "0.0.0.0", "::") else port.host_ip  # noqa: S104  # compared, not bound
    return f"http://{host}:{port.published}"


def direct_session() -> requests.Session:
    """A session to a published port; a proxy of the environment is not the way to this machine."""
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


def addresses(project: Project, config: Config) -> Mapping[str, str]:
    """Where each service's first published port answers; as a link for those that are known to speak HTTP."""
    found = {service.name: address(service.ports[0]) for service in project.services if service.ports}
    return {name: url if config.service(name).verify else url.removeprefix("http://") for name, url in found.items()}


def find_error_lines(text: str, *, ignore: Sequence[str] = ()) -> list[str]:
    """The lines of a log that report an error; `ignore` are patterns of lines that look like one and are none."""
    allowed = [re.compile(pattern) for pattern in ignore]
    return [
        line
        for line in text.splitlines()
        if _ERROR.search(_NO_ERROR.sub("", line)) and not any(pattern.search(line) for pattern in allowed)
    ]


def find_mismatch(value: Any, wanted: Any, path: str = "answer") -> str:
    """
    How `value` lacks what is wanted; "" when it has it. Tables must contain the wanted keys; every entry of a
    list must match every entry of the wanted list, and there must be one.
    """
    if isinstance(wanted, Mapping):
        if not isinstance(value, Mapping):
            return f"{path} is no object"
        for key, part in wanted.items():
            if key not in value:
                return f"{path} has no {key!r}"
            if reason := find_mismatch(value[key], part, f"{path}.{key}"):
                return reason
        return ""
    if isinstance(wanted, list):
        if not isinstance(value, list) or not value:
            return f"{path} is empty"
        reasons = (find_mismatch(item, part, f"{path}[{n}]") for part in wanted for n, item in enumerate(value))
        return next((reason for reason in reasons if reason), "")
    return "" if value == wanted else f"{path} is {json.dumps(value)}, not {json.dumps(wanted)}"


def _is_taken(host_ip: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host_ip or "0.0.0.0", port))  # noqa: S104  # the address that Docker is going to bind
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _container_check(service: Service, containers: Sequence[Container], *, is_job: bool) -> Check:
    name = f"{service.name}: container"
    if not containers:
        return Check(name, "failed", "there is none", "Start the stack: inv up.")
    if is_job and all(_has_ended_well(container, (service.name,)) for container in containers):
        return Check(name, "ok", "has ended well")
    for container in containers:
        if container.state != "running":
            return Check(
                name,
                "failed",
                f"{container.name} is {container.state} (exit code {container.exit_code})",
                f"inv logs --service {service.name}",
            )
        if container.health not in ("", "healthy"):
            return Check(
                name, "failed", f"{container.name} is {container.health}", f"inv logs --service {service.name}"
            )
    return Check(name, "ok", "healthy" if containers[0].health else "running (it has no health check)")


def _probe_check(service: Service, probe: Probe) -> Check:
    import requests

    name = f"{service.name}: {probe.path}"
    port = next((port for port in service.ports if port.target == probe.port and port.published), None)
    if port is None:
        return Check(name, "failed", f"port {probe.port} is not published", "Publish it in the compose file.")
    url = address(port) + probe.path
    try:
        with direct_session() as session:
            answer = session.get(url, timeout=ANSWER_TIMEOUT_S)
    except requests.RequestException as error:
        return Check(
            name, "failed", f"{url} does not answer: {type(error).__name__}", f"inv logs --service {service.name}"
        )
    document, reason = _read_answer(answer, probe)
    if reason:
        return Check(name, "failed", f"{url}: {reason}", f"inv logs --service {service.name}")
    seen = ", ".join(f"{key} {_shown(_dig(document, key))}" for key in probe.shows)
    return Check(name, "ok", seen or f"{url} answers {answer.status_code}")


def _read_answer(answer: Any, probe: Probe) -> tuple[Any, str]:
    """The JSON document of an answer (None without one), and why it does not hold; "" when it does."""
    document = None
    if probe.json_has or probe.shows:
        try:
            document = answer.json()
        except ValueError:
            return None, f"code {answer.status_code}, and no JSON"
    if reason := find_mismatch(document, probe.json_has) if probe.json_has else "":
        return document, f"code {answer.status_code}, {reason}; it says {json.dumps(document)[:SHOWN_ANSWER]}"
    if answer.status_code != 200:
        return document, f"code {answer.status_code}"
    return document, "" if probe.text_has in answer.text else f"the page does not contain {probe.text_has!r}"


def _dig(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _log_check(name: str, text: str, ignore: Sequence[str]) -> Check:
    lines = find_error_lines(text, ignore=ignore)
    if lines:
        return Check(
            f"{name}: log",
            "failed",
            f"{len(lines)} error lines since its last start, the last: {lines[-1][:200]}",
            f"inv logs --service {name}; if that is mended since: inv restart --service {name}",
        )
    return Check(f"{name}: log", "ok", f"{len(text.splitlines())} lines, no error")
