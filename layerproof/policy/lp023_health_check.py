"""
A service that answers or that others wait for has a health check.

Without one Docker knows only that the process is there: what depends on the service starts against a program that does
not answer yet, and `up --wait` and a restart after a hang are not to be had. Jobs that end, workers that nobody waits
for, and images without any program that could ask (`scratch`, distroless static, .NET's chiseled ones) need none.

A check counts where it stands, in the compose file or in the Dockerfile or the project's base below it; one that is
switched off does not. What an image from a registry brings along is not seen, but for a few that are known.

Bad:
    services:
      api:
        image: example/api:1.4
        ports: ["8080:8080"]

Good:
    services:
      api:
        image: example/api:1.4
        ports: ["8080:8080"]
        healthcheck:
          test: ["CMD", "curl", "-f", "http://127.0.0.1:8080/health"]
          start_period: 30s

Fix: Add `healthcheck` with a test that asks what the service answers; for a slow start add `start_period`.

Source: R11 (health checks on all services).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerproof.compose import jobs
from layerproof.model import Project, Service, Stage
from layerproof.policy import Breach, ComposeSubject
from layerproof.policy.chains import whole_chain
from layerproof.references import normalize_reference, upstream_name

# Upstream images that bring one along.
_CHECKED = {
    *("vaultwarden/server", "pihole/pihole", "louislam/uptime-kuma", "gitlab/gitlab-ce", "gitlab/gitlab-ee"),
    *("authelia/authelia", "netdata/netdata", "mysql/mysql-server", "plexinc/pms-docker"),
    "ghcr.io/immich-app/immich-server",
}
# gcr.io/distroless/static-debian12:nonroot, cgr.dev/chainguard/static
_NO_PROGRAM = re.compile(r"scratch$|gcr\.io/distroless/(static|base|cc)|cgr\.dev/chainguard/(static|glibc-dynamic)")
# 8.0-noble-chiseled, 9.0-azurelinux3.0-distroless
_NO_SHELL = re.compile(r"chiseled|distroless")


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each service that should have one."""
    if subject.overlay:
        return  # what an overlay does not say, the main file may; it has been looked at
    services = subject.project.services
    waiting: dict[str, str] = {}
    for service in services:
        for name, how in (service.raw.get("depends_on") or {}).items():
            if (how or {}).get("condition") != "service_completed_successfully":
                waiting.setdefault(name, service.name)
    ended = jobs(services)
    for service in (service for service in services if service.name not in ended and not service.raw.get("provider")):
        chain = _chain(subject.project, service)
        why = _ports(service, chain) or (f"{waiting[service.name]} waits for it" if service.name in waiting else "")
        if why and not _has_check(service, chain) and not _cannot_have(chain):
            yield ("services", service.name), f"{service.name} has no health check: {why}"


def _chain(project: Project, service: Service) -> list[Stage]:
    """The stages that a service's image is made of, its target first, on into other images of the project."""
    own = (image for image in project.images if service.name == image.service)
    named = (image for image in project.images if image.tag == normalize_reference(service.image))
    image = next(own, None) or next(named, None)
    return [stage for _, stage in whole_chain(image, project.images)] if image else []


def _ports(service: Service, chain: list[Stage]) -> str:
    """What says that it answers; "" for nothing."""
    for key, verb in (("ports", "publishes"), ("expose", "exposes")):
        ports = service.raw.get(key) or ()
        if ports:
            first = ports[0].get("target") if isinstance(ports[0], dict) else ports[0]
            return f"it {verb} port {first}"
    exposed = (item for stage in chain for item in stage.instructions if item.keyword == "EXPOSE" and item.values)
    found = next(exposed, None) if service.raw.get("network_mode") not in ("host", "none") else None
    return f"its Dockerfile exposes port {found.values[0]}" if found else ""


def _has_check(service: Service, chain: list[Stage]) -> bool:
    composed = service.raw.get("healthcheck") or {}
    test = composed.get("test") or ()
    if composed.get("disable") or test == "NONE" or list(test)[:1] == ["NONE"]:
        return False
    if test or (composed and not chain):  # without a test it changes the times of the image's own
        return True
    if not chain:
        return upstream_name(service.image)[0] in _CHECKED
    checks = (item for stage in chain for item in reversed(stage.instructions) if item.keyword == "HEALTHCHECK")
    last = next(checks, None)
    if last is None:
        return upstream_name(chain[-1].base)[0] in _CHECKED
    return not re.match(r"HEALTHCHECK\s+NONE\b", last.text, re.IGNORECASE)


def _cannot_have(chain: list[Stage]) -> bool:
    if not chain:
        return False
    name, tag = upstream_name(chain[-1].base)
    return bool(_NO_PROGRAM.match(name) or (name.startswith("mcr.microsoft.com/dotnet/") and _NO_SHELL.search(tag)))
