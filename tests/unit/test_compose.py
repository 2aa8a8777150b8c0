"""The resolved compose document, and which files make it up. Documents are shaped as Compose 2.40 prints them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layerproof.compose import environment_of, mount_at, parse_services
from layerproof.compose_files import find_compose_files, overlay_file
from layerproof.errors import ConfigError
from layerproof.model import Port, Service


def service(body: dict[str, Any] | None, *, project: str = "shop") -> Service:
    return parse_services({"name": project, "services": {"web": body}})[0]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        pytest.param({"target": 80, "published": "8080", "protocol": "tcp"}, (Port("", 8080, 80),), id="published"),
        pytest.param({"target": 80, "protocol": "tcp"}, (Port("", 0, 80),), id="published at random"),
        pytest.param({"target": 80, "published": "8080"}, (Port("", 8080, 80),), id="no protocol named"),
        pytest.param(
            {"host_ip": "127.0.0.1", "target": 80, "published": "1"}, (Port("127.0.0.1", 1, 80),), id="an address"
        ),
        pytest.param({"target": 80, "published": "3000-3005"}, (Port("", 3000, 80),), id="a range for one port"),
        pytest.param({"target": 53, "published": "53", "protocol": "udp"}, (), id="UDP, which nothing here asks"),
    ],
)
def test_a_port_is_read(port: dict[str, Any], expected: tuple[Port, ...]) -> None:
    assert service({"ports": [port]}).ports == expected


@pytest.mark.parametrize(
    ("body", "image"),
    [
        pytest.param({"image": "mongo:7.0"}, "mongo:7.0", id="its own"),
        pytest.param({"build": {"context": "/p/web"}}, "shop-web", id="Compose's default"),
        pytest.param(None, "shop-web", id="an empty service"),
    ],
)
def test_the_image_of_a_service(body: dict[str, Any] | None, image: str) -> None:
    assert service(body).image == image


def reservation(*devices: dict[str, Any]) -> dict[str, Any]:
    return {"deploy": {"resources": {"reservations": {"devices": list(devices)}}}}


@pytest.mark.parametrize(
    ("body", "gpu"),
    [
        pytest.param(reservation({"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}), True, id="a reservation"),
        pytest.param(reservation({"capabilities": ["tpu"]}, {"capabilities": ["gpu"]}), True, id="the second device"),
        pytest.param({"gpus": [{"count": -1}]}, True, id="the short form"),
        pytest.param(reservation({"capabilities": ["tpu"]}), False, id="another device"),
        pytest.param(reservation({"capabilities": None}), False, id="a device without capabilities"),
        pytest.param(reservation(), False, id="a list that an overlay has reset"),
        pytest.param({"deploy": None}, False, id="an empty deploy"),
        pytest.param({"deploy": {"resources": {"limits": {"cpus": 1}}}}, False, id="limits only"),
    ],
)
def test_a_gpu_is_detected(body: dict[str, Any], gpu: bool) -> None:
    assert service(body).gpu is gpu


def test_services_keep_the_documents_order_and_their_own_part_of_it() -> None:
    services = parse_services({"services": {"b": {"image": "x"}, "a": {"build": {"context": "/a"}}}})
    assert [(item.name, item.build) for item in services] == [("b", None), ("a", {"context": "/a"})]
    assert services[0].raw == {"image": "x"}
    assert parse_services({}) == ()


BIND = {"type": "bind", "source": "/p/we ights", "target": "/weights", "read_only": True}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param({"volumes": [{"type": "volume", "source": "v", "target": "/v"}, BIND]}, BIND, id="right there"),
        pytest.param(
            {"volumes": [{**BIND, "target": "/weights/"}]}, {**BIND, "target": "/weights/"}, id="with a slash"
        ),
        pytest.param({"volumes": [{**BIND, "target": "/weights/a"}]}, None, id="not below it"),
        pytest.param({"volumes": [{**BIND, "target": "/weights2"}]}, None, id="not beside it"),
        pytest.param({"volumes": None}, None, id="not where nothing is mounted"),
        pytest.param({}, None, id="not in an empty service"),
    ],
)
def test_a_mount_is_found(body: dict[str, Any], found: dict[str, Any] | None) -> None:
    assert mount_at(body, "/weights") == found


@pytest.mark.parametrize(
    ("body", "variables"),
    [
        pytest.param({"environment": {"A": "1", "B": ""}}, {"A": "1", "B": ""}, id="an empty value is a value"),
        pytest.param({"environment": {"A": None}}, {}, id="one to pass on that this machine does not set"),
        pytest.param({"environment": None}, {}, id="an empty table"),
        pytest.param({}, {}, id="none"),
    ],
)
def test_the_environment_of_a_service(body: dict[str, Any], variables: dict[str, str]) -> None:
    assert environment_of(body) == variables


@pytest.mark.parametrize(
    ("there", "configured", "environment", "expected"),
    [
        pytest.param(["docker-compose.yml"], "", {}, ["docker-compose.yml"], id="the usual name"),
        pytest.param(["docker-compose.yml", "compose.yaml"], "", {}, ["compose.yaml"], id="the newer name wins"),
        pytest.param(
            ["docker-compose.yml", "docker-compose.override.yml"],
            "",
            {},
            ["docker-compose.yml", "docker-compose.override.yml"],
            id="an override file",
        ),
        pytest.param(
            ["docker-compose.yml", "compose.override.yaml"],
            "",
            {},
            ["docker-compose.yml", "compose.override.yaml"],
            id="an override file of another name, as Compose takes it",
        ),
        pytest.param(
            ["a.yml", "docker-compose.yml", "docker-compose.override.yml"],
            "a.yml",
            {},
            ["a.yml"],
            id="a configured file has no override",
        ),
        pytest.param(["a.yml", "b.yml"], "", {"COMPOSE_FILE": "a.yml:b.yml"}, ["a.yml", "b.yml"], id="COMPOSE_FILE"),
        pytest.param(
            ["a.yml", "b.yml"],
            "",
            {"COMPOSE_FILE": "a.yml;b.yml", "COMPOSE_PATH_SEPARATOR": ";"},
            ["a.yml", "b.yml"],
            id="another separator",
        ),
        pytest.param(["a.yml", "b.yml"], "a.yml", {"COMPOSE_FILE": "b.yml"}, ["b.yml"], id="the environment wins"),
    ],
)
def test_the_compose_files_of_a_project(
    tmp_path: Path, there: list[str], configured: str, environment: dict[str, str], expected: list[str]
) -> None:
    for name in there:
        (tmp_path / name).touch()
    found = find_compose_files(tmp_path, configured=configured, environment=environment)
    assert [path.name for path in found] == expected


def test_no_compose_file_and_a_named_one_that_is_missing_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no compose file"):
        find_compose_files(tmp_path, configured="", environment={})
    with pytest.raises(ConfigError, match=r"x\.yml: there is no such"):
        find_compose_files(tmp_path, configured="x.yml", environment={})


def test_an_overlay_lies_beside_the_main_file_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.cpu.yml").touch()
    assert overlay_file(tmp_path / "docker-compose.yml", "cpu") == tmp_path / "docker-compose.cpu.yml"
    assert overlay_file(tmp_path / "docker-compose.yml", "dev") is None
