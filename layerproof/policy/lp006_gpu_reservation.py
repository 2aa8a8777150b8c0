"""
A service that needs a GPU reserves it for the nvidia driver; no other service does.

Without the reservation the container silently runs on the CPU; with one too many, Compose refuses to start a service
that never needed a GPU. Which service needs one is said once: `gpu = true` in [tool.layerproof.services.NAME]. Where
the configuration says nothing of any service, a reservation is taken to be meant, and an image that is made for CUDA
or a container that asks for GPUs in its environment to need one.

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

Fix: Reserve it with deploy.resources.reservations.devices, driver nvidia, capabilities [gpu]; or drop the reservation.

Source: R7 (US-6).
"""

import re
from collections.abc import Iterator

from layerproof.compose import environment_of, gpu_devices
from layerproof.model import Service
from layerproof.policy import Breach, ComposeSubject, target_stage
from layerproof.policy.data_stores import store_name
from layerproof.references import upstream_name

# nvidia/cuda:12.1.1-base-ubuntu22.04, nvcr.io/nvidia/pytorch, pytorch/pytorch:2.3.1-cuda12.1-cudnn8-runtime
_CUDA = re.compile(r"nvidia/cuda|nvcr\.io/|(^|[:/-])cuda\d|tensorflow:[\w.]*-gpu")
_WEB_SERVERS = ("nginx", "httpd", "caddy", "traefik")


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Reservations that are missing, not wanted, or for another driver."""
    if subject.overlay == "cpu":
        return  # taking the reservation away is what it is for
    declared = any(config.gpu for config in subject.config.services.values())
    for service in subject.project.services:
        configured = subject.config.service(service.name).gpu
        asks = "" if declared else _asks(subject, service)
        keys = ("services", service.name, "deploy", "resources", "reservations", "devices")
        if (configured or asks) and not service.gpu:
            why = f" ({asks})" if asks else ""
            message = f"{service.name} needs a GPU{why} and reserves none: deploy.resources.reservations.devices"
            yield ("services", service.name, "deploy"), f"{message}, driver nvidia"
        if service.gpu and not configured and (declared or _never_computes(subject, service)):
            yield keys, f"{service.name} reserves a GPU it does not need: remove it, or configure gpu = true"
        for device in gpu_devices(service.raw):
            # Docker finds a driver by itself; who says that a GPU is needed wants this one.
            if (device.get("driver") or ("" if configured else "nvidia")) != "nvidia":
                where = ("services", service.name, "gpus") if device in (service.raw.get("gpus") or ()) else keys
                yield where, f"{service.name} reserves a GPU for driver {device.get('driver') or 'unset'}, not nvidia"


def _never_computes(subject: ComposeSubject, service: Service) -> bool:
    """A data store or a web server, as far as the image's name says."""
    name = upstream_name(service.image)[0].rpartition("/")[2]
    return name in _WEB_SERVERS or bool(store_name(service, None, subject.project.images))


def _asks(subject: ComposeSubject, service: Service) -> str:
    """What shows that a service of which the configuration says nothing needs a GPU; "" for nothing."""
    if service.raw.get("runtime") == "nvidia":
        return ""  # which gives it every GPU
    if environment_of(service.raw).get("NVIDIA_VISIBLE_DEVICES", "none") not in ("none", "void", ""):
        return "NVIDIA_VISIBLE_DEVICES is set"
    image = next((image for image in subject.project.images if image.service == service.name), None)
    base = target_stage(image).base if image else service.image
    return f"it starts from {base}" if _CUDA.search(base) else ""
