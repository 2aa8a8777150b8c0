"""
Installs a Docker Engine and the lab's tools from packages, on request only, and starts the daemon.

Docker's own repository is preferred where it answers; otherwise the distribution's newest packages that are new
enough. The extra package source is written with the lowest pin, used by name, and removed again, whatever happens.
"""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from layerproof.engine import MIN_BUILDX, MIN_COMPOSE, parse_version, process
from layerproof.errors import LayerproofError, NoEngineError

Say = Callable[[str], None]

DOCKER_REPOSITORY = "https://download.docker.com/linux"
DOCKER_PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin")
# From the newest suite; runc and iptables come from the machine's own: the newest runc wants a newer libc.
DEBIAN_PACKAGES = ("docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd", "tini-static")
DEBIAN_OWN_PACKAGES = ("runc", "iptables")
UBUNTU_PACKAGES = ("docker.io", "docker-buildx", "docker-compose-v2")
DAEMON_LOG = Path("/var/log/layerproof-dockerd.log")
DAEMON_START_S = 60.0
# docker.service starts a daemon again that has crashed; this does so three times in all. One that is stopped ends well.
RESTARTING = """
for attempt in 1 2 3; do
    "$@" && exit 0
    echo "dockerd ended with code $?"
    sleep 2
done
exec "$@"
"""
SOURCE_FILE = Path("/etc/apt/sources.list.d/layerproof.sources")
PIN_FILE = Path("/etc/apt/preferences.d/layerproof")
KEY_FILE = Path("/etc/apt/keyrings/layerproof-docker.asc")


class Distribution(Struct, frozen=True):
    """What /etc/os-release says: `id` is debian, ubuntu or another; `codename` is the suite."""

    id: str
    codename: str


def load_distribution(path: Path = Path("/etc/os-release")) -> Distribution:
    """Read os-release; a derivative of Debian or Ubuntu counts as that only when it says so in ID."""
    fields = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        key, _, value = line.partition("=")
        fields[key] = value.strip("\"'")
    return Distribution(fields.get("ID", ""), fields.get("VERSION_CODENAME", ""))


def refuse_unless_installable(distribution: Distribution) -> None:
    """Raise NoEngineError where this machine's packages must not or cannot be touched."""
    guide = "Follow https://docs.docker.com/engine/install/ and run this again."
    if distribution.id not in ("debian", "ubuntu"):
        raise NoEngineError(
            f"an engine is only installed on Debian and Ubuntu, not on {distribution.id or 'this system'}", hint=guide
        )
    if os.geteuid() != 0:
        raise NoEngineError("installing an engine needs root", hint=f"Run it with sudo, or: {guide}")


def refuse_beside_another_engine() -> None:
    """
    An engine that answers, or that the user has pointed the CLI to, is used as it is and never installed over.

    Raises:
        NoEngineError: a daemon answers but a plugin is missing or old; it refuses this user; DOCKER_HOST is set.
    """
    done = process.run(["docker", "version", "--format", "{{.Server.Version}}"], timeout_s=30)
    if done.returncode == 0 and done.stdout.strip():
        raise NoEngineError(
            f"Docker Engine {done.stdout.strip()} runs here, but buildx or Compose is missing or too old",
            hint=f"Add the plugins of the same packages, at least buildx {'.'.join(map(str, MIN_BUILDX))} and Compose"
            f" {'.'.join(map(str, MIN_COMPOSE))}: https://docs.docker.com/compose/install/linux/",
        )
    if "permission denied" in done.stderr:
        raise NoEngineError(
            "the Docker Engine refuses this user",
            hint="Run it with sudo, or: `sudo usermod -aG docker $USER`, then log in again.",
        )
    if os.environ.get("DOCKER_HOST"):
        raise NoEngineError(
            f"DOCKER_HOST is {os.environ['DOCKER_HOST']}, and no engine answers there",
            hint="Unset it to install and start an engine on this machine.",
        )


def install_engine(*, say: Say) -> None:
    """
    Install Docker Engine, buildx and Compose v2.

    Raises:
        NoEngineError: not Debian or Ubuntu, not root, or no packages that are new enough.
    """
    distribution = load_distribution()
    refuse_unless_installable(distribution)
    if _answers(f"{DOCKER_REPOSITORY}/{distribution.id}/dists/{distribution.codename}/Release"):
        with _docker_repository(distribution):
            say(f"installing {', '.join(DOCKER_PACKAGES)} from Docker's own repository")
            apt_install(DOCKER_PACKAGES)
        return
    if distribution.id == "ubuntu":
        _apt(["update"])
        _refuse_old_candidates("docker-buildx", "docker-compose-v2")
        say(f"installing {', '.join(UBUNTU_PACKAGES)} from {distribution.codename}")
        apt_install(UBUNTU_PACKAGES)
        return
    with _suite("sid"):
        _refuse_old_candidates("docker-buildx", "docker-compose", suite="sid")
        say(
            f"installing {', '.join(DEBIAN_PACKAGES)} from Debian sid and {', '.join(DEBIAN_OWN_PACKAGES)} from"
            f" {distribution.codename}; the extra package source is removed afterwards"
        )
        named = [f"{name}/sid" for name in DEBIAN_PACKAGES]
        apt_install([*named, *(f"{name}/{distribution.codename}" for name in DEBIAN_OWN_PACKAGES)])


def install_packages(packages: Sequence[str], *, say: Say) -> None:
    """Install distribution packages by name; see `refuse_unless_installable` for where it refuses."""
    refuse_unless_installable(load_distribution())
    say(f"installing {', '.join(packages)} from {load_distribution().codename}")
    _apt(["update"])
    apt_install(packages)


def start_daemon(*, say: Say) -> None:
    """
    Start dockerd, by systemd where it runs and by hand elsewhere, and wait until it answers.

    Raises:
        NoEngineError: it did not answer within a minute; the message ends with the daemon's last words.
    """
    if os.geteuid() != 0:
        raise NoEngineError("starting the daemon needs root", hint="Run: sudo systemctl start docker")
    if Path("/run/systemd/system").is_dir():
        say("starting docker.service")
        process.run(["systemctl", "start", "docker"])
    else:
        program = process.find_program("dockerd")
        if program is None:
            raise NoEngineError("dockerd is not installed", hint="Run `inv doctor --install`.")
        _remove_stale_pid_files()
        say(f"starting dockerd (log: {DAEMON_LOG})")
        process.detach(["sh", "-c", RESTARTING, "sh", program], log=DAEMON_LOG)
    deadline = time.monotonic() + DAEMON_START_S
    while time.monotonic() < deadline:
        if process.run(["docker", "version", "--format", "{{.Server.Version}}"], timeout_s=10).returncode == 0:
            return
        time.sleep(0.3)
    words = DAEMON_LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-8:] if DAEMON_LOG.is_file() else []
    raise NoEngineError("dockerd does not answer:\n" + "\n".join(words), hint="See the log above; then run this again.")


def debian_repository() -> str | None:
    """The URI of the Debian archive that apt uses on this machine; None where it uses none."""
    done = process.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(RELEASE)|$(REPO_URI)", "Created-By: Packages"]
    )
    codename = load_distribution().codename
    for line in done.stdout.splitlines():
        origin, release, uri = [*line.split("|"), "", ""][:3]
        if origin == "Debian" and release == codename:
            return uri
    return None


def apt_install(packages: Sequence[str]) -> None:
    """Install packages without recommended ones and without questions."""
    _apt(["install", "--yes", "--no-install-recommends", *packages])


def _apt(words: Sequence[str]) -> None:
    # A suite such as sid may be past the date its Release file carries; a lock held by another apt is waited for.
    options = ["-o", "Acquire::Check-Valid-Until=false", "-o", "DPkg::Lock::Timeout=300"]
    done = process.run(["apt-get", "--quiet", *options, *words], environment={"DEBIAN_FRONTEND": "noninteractive"})
    if done.returncode != 0:
        raise LayerproofError(f"apt-get {words[0]} failed with code {done.returncode}:\n{done.tail()}")


@contextmanager
def _suite(suite: str) -> Iterator[None]:
    """Make one more suite of the machine's own Debian archive known to apt, pinned so that nothing else changes."""
    _apt(["update"])
    repository = debian_repository()
    if repository is None:
        raise NoEngineError("apt knows no Debian archive on this machine", hint="Add one to /etc/apt/sources.list.d.")
    source = [
        "Types: deb",
        f"URIs: {repository}",
        f"Suites: {suite}",
        "Components: main",
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
    ]
    with _package_source("\n".join(source), f"Package: *\nPin: release n={suite}\nPin-Priority: 1"):
        yield


@contextmanager
def _docker_repository(distribution: Distribution) -> Iterator[None]:
    KEY_FILE.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(f"{DOCKER_REPOSITORY}/{distribution.id}/gpg", timeout=30) as answer:  # noqa: S310  # https, above
        KEY_FILE.write_bytes(answer.read())
    source = [
        "Types: deb",
        f"URIs: {DOCKER_REPOSITORY}/{distribution.id}",
        f"Suites: {distribution.codename}",
        "Components: stable",
        f"Signed-By: {KEY_FILE}",
    ]
    try:
        with _package_source("\n".join(source), ""):
            yield
    finally:
        KEY_FILE.unlink(missing_ok=True)


@contextmanager
def _package_source(source: str, pin: str) -> Iterator[None]:
    try:
        SOURCE_FILE.write_text(source + "\n", encoding="utf-8")
        if pin:
            PIN_FILE.write_text(pin + "\n", encoding="utf-8")
        _apt(["update"])
        yield
    finally:
        SOURCE_FILE.unlink(missing_ok=True)
        PIN_FILE.unlink(missing_ok=True)
        _apt(["update"])


def _refuse_old_candidates(buildx: str, compose: str, *, suite: str = "") -> None:
    for package, minimum in ((buildx, MIN_BUILDX), (compose, MIN_COMPOSE)):
        # "docker-buildx | 0.29.1+ds1-4 | http://... sid/main amd64 Packages"
        rows = process.run(["apt-cache", "madison", package]).stdout.splitlines()
        versions = [
            row.split("|")[1].strip() for row in rows if row.count("|") == 2 and f" {suite}" in row.split("|")[2]
        ]
        if not any(parse_version(version) >= minimum for version in versions):
            raise NoEngineError(
                f"no {package} that is new enough: found {', '.join(versions) or 'none'}, "
                f"needed {'.'.join(map(str, minimum))}",
                hint="Follow https://docs.docker.com/engine/install/ and run this again.",
            )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10) as answer:  # noqa: S310  # https, above
            return bool(answer.status == 200)
    except OSError:
        return False


def _remove_stale_pid_files() -> None:
    """A killed daemon leaves its pid file, and the next one refuses to start while it names any process."""
    for path in (Path("/run/docker.pid"), Path("/run/docker/containerd/containerd.pid")):
        if not path.is_file():
            continue
        identifier = path.read_text(encoding="utf-8").strip()
        status = Path(f"/proc/{identifier}/status")
        words = status.read_text(encoding="utf-8") if status.is_file() else ""
        alive = words.startswith(("Name:\tdockerd", "Name:\tcontainerd")) and "State:\tZ" not in words
        if not alive:
            path.unlink()
