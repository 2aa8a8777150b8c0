"""
The stand-in in a real container. Everything made here carries one label and is removed by who asked for it.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as _Database
from pymongo.errors import PyMongoError

Client = MongoClient[dict[str, Any]]
Database = _Database[dict[str, Any]]

LABEL = "dev.layerproof.test=lab-mongo"
USER, PASSWORD = "root", "p@ss:w/ord é"
START_LIMIT_S = 30


def docker(*args: str) -> str:
    """Run docker and return what it prints; its own message is the failure's text."""
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(args)}\n{done.stderr}"
    return done.stdout.strip()


@dataclass
class Mongo:
    """A running stand-in."""

    container: str
    port: int
    _clients: list[Client] = field(default_factory=list)

    def client(self, user: str = USER, password: str = PASSWORD, **options: Any) -> Client:
        login: dict[str, Any] = {"username": user, "password": password} if user else {}
        client: Client = MongoClient("127.0.0.1", self.port, serverSelectionTimeoutMS=5000, **login, **options)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def wait(self) -> None:
        """Until it answers a ping."""
        limit = time.monotonic() + START_LIMIT_S
        client: Client
        with MongoClient("127.0.0.1", self.port, serverSelectionTimeoutMS=200) as client:
            while True:
                try:
                    client.admin.command("ping")
                    return
                except PyMongoError:
                    if time.monotonic() > limit:
                        pytest.fail(f"no ping within {START_LIMIT_S} s:\n{docker('logs', self.container)}")


@contextmanager
def run(image: str, *options: str, user: str = USER, password: str = PASSWORD) -> Iterator[Mongo]:
    """Run a container of the stand-in that answers; removed at the end."""
    login = ["-e", f"MONGO_INITDB_ROOT_USERNAME={user}", "-e", f"MONGO_INITDB_ROOT_PASSWORD={password}"] if user else []
    container = docker("run", "-d", "--label", LABEL, "-p", "127.0.0.1::27017", *login, *options, image)
    mongo = Mongo(container, published_port(container))
    try:
        mongo.wait()
        yield mongo
    finally:
        mongo.close()
        docker("rm", "-f", "-v", container)


def build(folder: Path) -> str:
    """Build a folder; returns the image's id."""
    return docker("build", "-q", "--label", LABEL, str(folder))


def published_port(container: str, port: int = 27017) -> int:
    ports = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Ports}}", container))
    return int(ports[f"{port}/tcp"][0]["HostPort"])
