"""What is on the volume stays; the server stops in time."""

import time

import pytest
from pymongo.errors import OperationFailure
from stand_in import LABEL, Mongo, docker, published_port, run


def test_documents_survive_a_restart(image: str, volume: str) -> None:
    with run(image, "-v", f"{volume}:/data/db") as mongo:
        mongo.client().db.c.insert_one({"_id": 1})
        docker("restart", mongo.container)
        mongo.port = published_port(mongo.container)  # docker picks a new one
        mongo.wait()
        assert mongo.client().db.c.find_one() == {"_id": 1}


def test_documents_survive_a_new_container_and_a_kill(image: str, volume: str) -> None:
    with run(image, "-v", f"{volume}:/data/db") as mongo:
        mongo.client().db.c.insert_one({"_id": 1})
        docker("kill", mongo.container)
    with run(image, "-v", f"{volume}:/data/db") as mongo:
        assert mongo.client().db.c.find_one() == {"_id": 1}


def test_the_first_password_stays(image: str, volume: str) -> None:
    with run(image, "-v", f"{volume}:/data/db", password="first"):
        pass
    with run(image, "-v", f"{volume}:/data/db", password="second") as mongo:
        assert mongo.client(password="first").db.c.find_one() is None
        with pytest.raises(OperationFailure):
            mongo.client(password="second").db.c.find_one()


def test_a_volume_serves_one_container(mongo: Mongo, image: str, volume: str) -> None:
    with run(image, "-v", f"{volume}:/data/db"):
        container = docker("run", "-d", "--label", LABEL, "-v", f"{volume}:/data/db", image)
        assert docker("wait", container) == "1"
        docker("rm", container)


def test_it_stops_within_five_seconds_and_says_so(image: str) -> None:
    with run(image) as mongo:
        mongo.client().db.c.insert_one({})
        begun = time.monotonic()
        docker("stop", mongo.container)
        assert time.monotonic() - begun < 5
        assert docker("inspect", "-f", "{{.State.ExitCode}}", mongo.container) == "0"


def test_nothing_runs_as_root(mongo: Mongo) -> None:
    processes = docker("top", mongo.container, "-eo", "pid,uid").splitlines()[1:]
    assert {line.split()[1] for line in processes} == {"999"}
