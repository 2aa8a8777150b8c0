"""Is this machine ready: engine, plugins, GPU, disk, file system, and what is past its end of life."""

from __future__ import annotations

import datetime
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from layerproof.engine import MIN_BUILDX, MIN_COMPOSE, Engine, EngineInfo, process
from layerproof.errors import LayerproofError
from layerproof.graph import pulled_services
from layerproof.model import Check, Project

LOW_DISK_BYTES = 15 * 1024**3
# NET_ADDR_RANDOM of Linux' netdevice.h
_ANY_ADDRESS = "1"
# End of security support, by image repository and version. Source: the projects' own release schedules
# (nodejs/Release, devguide.python.org/versions, mongodb.com/legal/support-policy), read November 2026.
END_OF_LIFE = {
    "node": {"18": "2025-04-30", "20": "2026-04-30", "22": "2027-04-30", "24": "2028-04-30"},
    "python": {
        "3.9": "2025-10-31",
        "3.10": "2026-10-31",
        "3.11": "2027-10-31",
        "3.12": "2028-10-31",
        "3.13": "2029-10-31",
    },
    "mongo": {"6.0": "2025-07-31", "7.0": "2027-08-31", "8.0": "2029-10-31"},
}
# Programs beside the engine: what each is for, and the package that has it.
OPTIONAL_TOOLS = {
    "mmdebstrap": (
        "the lab's stand-in images, where no registry can be reached",
        ("mmdebstrap", "debian-archive-keyring"),
    ),
    "chromium": ("the browser tests and the demo's screenshot", ("chromium", "fonts-liberation")),
}


def check_engine(engine: Engine) -> tuple[Check, EngineInfo | None]:
    """Whether an engine answers and is new enough."""
    try:
        info = engine.info()
    except LayerproofError as error:
        return Check("Docker Engine", "failed", error.message, error.hint), None
    return Check("Docker Engine", "ok", f"{info.server}, {info.storage}, data in {info.data_root}"), info


def check_machine(engine: Engine) -> Iterator[Check]:
    """Everything about the machine, engine first; later checks need it only where they say so."""
    check, info = check_engine(engine)
    yield check
    if info is not None:
        yield Check("buildx", "ok", f"{info.buildx} (needed: {_dotted(MIN_BUILDX)})")
        yield Check("Compose", "ok", f"{info.compose} (needed: {_dotted(MIN_COMPOSE)})")
        gpu = (
            "the NVIDIA runtime is there" if info.nvidia else "no NVIDIA runtime: `inv up` runs GPU services on the CPU"
        )
        yield Check("GPU", "ok" if info.nvidia else "warning", gpu)
        yield _disk(Path(info.data_root))
        if Path(info.data_root).is_dir():
            yield from check_bridge()
    yield Check("Python", "ok", sys.version.split()[0])
    for program, (purpose, packages) in OPTIONAL_TOOLS.items():
        path = process.find_program(program)
        hint = f"`inv doctor --install` as root, or: apt-get install {' '.join(packages)}"
        yield Check(
            program, "ok" if path else "warning", path or f"not installed; needed for {purpose}", "" if path else hint
        )


def check_bridge(bridge: Path = Path("/sys/class/net/docker0")) -> Iterator[Check]:
    """
    A warning where the bridge that builds reach the network by changes its address. One that Docker has made keeps it;
    one made by hand has that of a container on it, so that others send to nobody for a while when one starts or ends.

    Source: Linux, net/bridge/br_stp_if.c (br_stp_recalculate_bridge_id), Documentation/ABI/testing/sysfs-class-net
    """
    kind = bridge / "addr_assign_type"
    if kind.is_file() and kind.read_text().strip() == _ANY_ADDRESS:
        yield Check(
            bridge.name,
            "warning",
            "its address changes when containers start and end: builds lose the network for half a minute",
            f"As root: ip link set dev {bridge.name} address 02:42:ac:11:00:01",
        )


def check_project(project: Project, *, today: datetime.date) -> Iterator[Check]:
    """What the project asks for that is past its end of life; one line where nothing is."""
    upstreams = {name for image in project.images for name in image.upstreams}
    upstreams |= {service.image for service in pulled_services(project)}
    found = False
    for reference in sorted(upstreams):
        ended = end_of_life(reference, today=today)
        if ended:
            found = True
            yield Check(
                reference,
                "warning",
                f"past its end of life since {ended}",
                "A newer version is one ARG, or one line of the compose file.",
            )
    if not found:
        yield Check("upstream images", "ok", f"{len(upstreams)} named, none known to be past its end of life")


def end_of_life(reference: str, *, today: datetime.date) -> str:
    """The date since which an image gets no security fixes; "" where that is not so or not known."""
    # docker.io/library/node:18-bookworm-slim, localhost:5000/python:3.10.4-slim
    found = re.match(r"(?P<name>[a-z]+):(?P<version>\d+(?:\.\d+)?)", reference.rsplit("/", 1)[-1])
    if found is None:
        return ""
    known = END_OF_LIFE.get(found["name"], {})
    ended = known.get(found["version"]) or known.get(found["version"].partition(".")[0])
    return ended if ended and datetime.date.fromisoformat(ended) < today else ""


def _disk(data_root: Path) -> Check:
    try:
        free = shutil.disk_usage(data_root).free
    except OSError:
        return Check("disk", "warning", f"{data_root} is not on this machine: its free space is not known")
    text = f"{free / 1e9:.0f} GB free for {data_root}"
    if free < LOW_DISK_BYTES:
        return Check("disk", "warning", text, "Make room: inv cache, then inv prune.")
    return Check("disk", "ok", text)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)
