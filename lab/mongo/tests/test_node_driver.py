"""The official Node driver, in a container that shares the stand-in's network: no Node is needed on this machine."""

import subprocess
from pathlib import Path

from stand_in import LABEL, PASSWORD, USER, Mongo, build


def test_the_node_driver(mongo: Mongo) -> None:
    driver = build(Path(__file__).parent / "node")
    settings = {"MONGODB_URL": "mongodb://127.0.0.1:27017", "USERNAME": USER, "PASSWORD": PASSWORD}
    environment = [option for name, value in settings.items() for option in ("-e", f"{name}={value}")]
    network = f"container:{mongo.container}"
    command = ["docker", "run", "--rm", "--label", LABEL, "--network", network, *environment, driver]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
