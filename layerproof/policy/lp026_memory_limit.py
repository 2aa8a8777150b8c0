"""
A service has a memory limit.

A container without one may take all the memory of the machine: a leak in one service ends the others, and it is the
kernel that chooses which. Jobs that end, and tools behind a profile, which `up` does not start, are left alone.

Bad:
    services:
      api:
        image: example/api:1.4

Good:
    services:
      api:
        image: example/api:1.4
        deploy: {resources: {limits: {memory: 512m}}}

Fix: Set deploy.resources.limits.memory (or mem_limit) to what the service needs under load, with some room.

Source: R11 (the stack runs on one machine).
"""

from __future__ import annotations

from collections.abc import Iterator

from layerproof.compose import jobs
from layerproof.model import Service
from layerproof.policy import Breach, ComposeSubject


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each service that `up` starts and keeps running without one."""
    if subject.overlay:
        return  # what an overlay does not say, the main file may; it has been looked at
    ended = jobs(subject.project.services)
    for service in subject.project.services:
        is_tool = bool(service.raw.get("profiles")) or service.name in ended or bool(service.raw.get("provider"))
        if not is_tool and not _is_limited(service):
            yield ("services", service.name), f"{service.name} has no memory limit: it may take all of the machine's"


def _is_limited(service: Service) -> bool:
    resources = (service.raw.get("deploy") or {}).get("resources") or {}
    limits = ((resources.get("limits") or {}).get("memory"), service.raw.get("mem_limit"))
    return any(str(limit or "0") != "0" for limit in limits)  # 0 means none to Docker
