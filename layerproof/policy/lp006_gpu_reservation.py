"""
A service that needs a GPU reserves it for the nvidia driver; no other service does.

Without the reservation the container silently runs on the CPU; with one too many, Compose refuses to start a service
that never needed a GPU. Which service needs one is said once: `gpu = true` in [tool.layerproof.services.NAME].

Bad:
    services:
      pose-service:
        image: pose
        deploy: {resources: {reservations: {devices: [{driver: amd, count: 1, capabilities: [gpu]}]}}}

Good:
    services:
      pose-service:
        image: pose
        deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}

Source: R7 (US-6).
"""

from collections.abc import Iterator

from layerproof.compose import gpu_devices
from layerproof.policy import Breach, ComposeSubject


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Reservations that are missing, not wanted, or for another driver."""
    for service in subject.project.services:
        needs = subject.config.service(service.name).gpu
        line = subject.line_of(("services", service.name, "deploy"))
        if needs and not service.gpu:
            yield (
                line,
                f"{service.name} needs a GPU and reserves none: deploy.resources.reservations.devices, driver nvidia",
            )
        if service.gpu and not needs:
            yield line, f"{service.name} reserves a GPU it does not need: remove it, or configure gpu = true"
        for device in gpu_devices(service.raw):
            if device.get("driver") != "nvidia":
                yield line, f"{service.name} reserves a GPU for driver {device.get('driver') or 'unset'}, not nvidia"
