"""A second Docker Engine, with the containerd image store and a cache of its own, and a registry; both on loopback."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from .conftest import lacking

WAIT_S = 60.0
# Of the range for benchmarks between networks (RFC 2544): no machine has it.
BRIDGE_ADDRESS = "198.18.250.1"
_SIOCBRADDBR, _SIOCBRDELBR, _SIOCSIFADDR, _SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x89A0, 0x89A1, 0x8916, 0x8913, 0x8914
_IFF_UP = 1


@contextmanager
def running_registry() -> Iterator[str]:
    """A registry's address, `localhost:PORT`. The program is unpacked from Debian's package, not installed."""
    with tempfile.TemporaryDirectory(prefix="lp-registry-") as folder:
        found = shutil.which("docker-registry")
        program = found or unpacked("docker-registry", Path(folder), "usr/bin/docker-registry")
        port = free_port()
        config = Path(folder, "config.yml")
        config.write_text(
            "version: 0.1\n"
            "log: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}'}}\n"
        )
        with child([program, "serve", str(config)], Path(folder, "log")):
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/v2/"), "the registry answers")
            yield f"localhost:{port}"


@contextmanager
def second_engine() -> Iterator[str]:
    """
    The address of an engine of its own, as DOCKER_HOST wants it. It has a bridge of its own too: a daemon without one
    (`--bridge none`) takes docker0 away from the other daemon. Containers reach a network only as `host`.
    """
    if os.geteuid() != 0:
        pytest.skip("a second engine can be started by root only")
    programs = [shutil.which(name) for name in ("dockerd", "containerd")]
    if None in programs:
        lacking("dockerd or containerd is not in the PATH")
    dockerd, containerd = (str(program) for program in programs)
    others = default_bridge()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lp-engine-", ignore_cleanup_errors=True)))
        bridge = stack.enter_context(own_bridge())
        socket_of_containerd = home / "containerd.sock"
        config = home / "containerd.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        places = ["--root", str(home / "content"), "--state", str(home / "state")]
        command = [containerd, "--config", str(config), "--address", str(socket_of_containerd), *places]
        stack.enter_context(child(command, home / "containerd.log"))
        wait_for(socket_of_containerd.is_socket, "containerd answers")
        host = f"unix://{home}/docker.sock"
        command = [dockerd, "--host", host, "--containerd", str(socket_of_containerd), "--bridge", bridge]
        command += [
            "--data-root",
            str(home / "data"),
            "--exec-root",
            str(home / "exec"),
            "--pidfile",
            str(home / "pid"),
        ]
        command += ["--iptables=false", "--ip6tables=false", "--feature", "containerd-snapshotter=true"]
        stack.enter_context(child(command, home / "dockerd.log"))
        wait_for(lambda: docker(host, "version", check=False).returncode == 0, f"dockerd answers: {home}/dockerd.log")
        yield host
    assert default_bridge() == others, "the other engine has lost its bridge"


def docker(host: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `docker WORDS` on that engine."""
    return subprocess.run(["docker", "--host", host, *words], capture_output=True, text=True, check=check)


def copy_image(reference: str, host: str) -> None:
    """Bring an image of the engine in use over."""
    with subprocess.Popen(["docker", "image", "save", reference], stdout=subprocess.PIPE) as saving:
        subprocess.run(
            ["docker", "--host", host, "image", "load", "--quiet"], stdin=saving.stdout, check=True, capture_output=True
        )
    assert saving.returncode == 0


def empty(host: str, *tags: str) -> None:
    """Remove these images of that engine and all of its build cache, as on a machine that has built nothing."""
    docker(host, "image", "rm", "--force", *tags, check=False)

    def is_empty() -> bool:
        # What a build has just let go may still be held.
        docker(host, "buildx", "prune", "--all", "--force")
        return docker(host, "buildx", "du", "--format", "json").stdout.strip() == ""

    wait_for(is_empty, "the builder is empty")


@contextmanager
def child(command: list[str], log: Path) -> Iterator[None]:
    """A process that ends with the block."""
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def own_bridge() -> Iterator[str]:
    """A network bridge, made without the program `ip`, which not every machine has."""
    name = f"lp{os.getpid() % 10**8}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCBRADDBR, name.encode() + b"\0")
        try:
            address = struct.pack("16sHH4s8x", name.encode(), socket.AF_INET, 0, socket.inet_aton(BRIDGE_ADDRESS))
            fcntl.ioctl(control, _SIOCSIFADDR, address)
            _set_flags(control, name, up=True)
            yield name
        finally:
            _set_flags(control, name, up=False)
            fcntl.ioctl(control, _SIOCBRDELBR, name.encode() + b"\0")


def _set_flags(control: socket.socket, name: str, *, up: bool) -> None:
    answer = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sh22x", name.encode(), 0))
    flags = struct.unpack("16sh22x", answer)[1]
    flags = flags | _IFF_UP if up else flags & ~_IFF_UP
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", name.encode(), flags))


def default_bridge() -> bool:
    return Path("/sys/class/net/docker0").exists()


def unpacked(package: str, folder: Path, path: str) -> str:
    """A file of a Debian package that is not installed."""
    if not shutil.which("apt-get"):
        lacking(f"{package} is neither here nor to be had without apt-get")
    fetch = ["apt-get", "download", "-qq", package]
    if subprocess.run(fetch, cwd=folder, capture_output=True, check=False).returncode != 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
        subprocess.run(fetch, cwd=folder, capture_output=True, check=True)
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", str(archive), str(folder / "root")], check=True)
    return str(folder / "root" / path)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {WAIT_S:.0f} s: {what}")
        time.sleep(0.1)
