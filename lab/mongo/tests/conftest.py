"""
One stand-in for the whole session. Needs an engine, pytest and pymongo. LAB_MONGO_IMAGE and LAB_MONGO_EXPRESS_IMAGE
name images already built; without them the folders are built.
"""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from stand_in import LABEL, Database, Mongo, build, docker, run

LAB = Path(__file__).parents[2]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engine: needs a Docker engine that answers")


@cache
def engine_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs the engine: skipped with the reason without one, except in CI, where that is a failure."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)
            if not engine_answers() and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="no Docker engine answers"))


@pytest.fixture(scope="session")
def image() -> str:
    return os.environ.get("LAB_MONGO_IMAGE") or build(LAB / "mongo")


@pytest.fixture(scope="session")
def express_image() -> str:
    return os.environ.get("LAB_MONGO_EXPRESS_IMAGE") or build(LAB / "mongo-express")


@pytest.fixture(scope="session")
def mongo(image: str) -> Iterator[Mongo]:
    with run(image) as running:
        yield running


@pytest.fixture
def database(mongo: Mongo) -> Iterator[Database]:
    client = mongo.client()
    name = f"t{uuid.uuid4().hex[:8]}"
    yield client[name]
    client.drop_database(name)


@pytest.fixture
def volume() -> Iterator[str]:
    name = docker("volume", "create", "--label", LABEL)
    yield name
    docker("volume", "rm", "-f", name)
