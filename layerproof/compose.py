"""The document of `docker compose config --format json` to services and their builds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from layerproof.model import Port, Service


def parse_services(document: Mapping[str, Any]) -> tuple[Service, ...]:
    """
    The services of a resolved compose document, in the document's order.

    Args:
        document: what `docker compose config --format json` printed: paths absolute, short syntax expanded.
    """
    project = str(document.get("name", ""))
    return tuple(_service(name, body or {}, project) for name, body in (document.get("services") or {}).items())


def gpu_devices(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The GPUs that a service's body reserves, under `deploy` or, the short form, under `gpus`."""
    resources = (body.get("deploy") or {}).get("resources") or {}
    devices = (resources.get("reservations") or {}).get("devices") or ()
    return [*(device for device in devices if "gpu" in (device.get("capabilities") or ())), *(body.get("gpus") or ())]


def mount_at(body: Mapping[str, Any], target: str) -> Mapping[str, Any] | None:
    """What a service's body mounts at a path of its container; None where nothing is mounted right there."""
    wanted = PurePosixPath(target)
    return next((each for each in body.get("volumes") or () if PurePosixPath(each.get("target", "")) == wanted), None)


def environment_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The environment that Compose gives a service; what the image sets by itself is not in it."""
    return {name: str(value) for name, value in (body.get("environment") or {}).items() if value is not None}


def jobs(services: Iterable[Service]) -> frozenset[str]:
    """The names of the services that end by themselves: others wait for their end, or nothing starts them again."""
    found = set()
    for service in services:
        for name, dependency in (service.raw.get("depends_on") or {}).items():
            if (dependency or {}).get("condition") == "service_completed_successfully":
                found.add(name)
        is_run_once = service.raw.get("restart") == "no" and service.raw.get("command")
        if is_run_once and not service.raw.get("ports"):
            found.add(service.name)
    return frozenset(found)


def _service(name: str, body: Mapping[str, Any], project: str) -> Service:
    return Service(
        name=name,
        # Compose's own default name for a service that is built and has no `image`.
        image=body.get("image") or f"{project}-{name}",
        build=body.get("build"),
        ports=tuple(_port(port) for port in body.get("ports") or () if port.get("protocol", "tcp") == "tcp"),
        gpu=bool(gpu_devices(body)),
        raw=body,
    )


def _port(port: Mapping[str, Any]) -> Port:
    published = str(port.get("published") or "0").partition("-")[0]
    return Port(str(port.get("host_ip") or ""), int(published), int(port["target"]))
