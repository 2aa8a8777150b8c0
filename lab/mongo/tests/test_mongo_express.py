"""The stand-in for mongo-express shows what is in the stand-in for mongo."""

import base64
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

import pytest
from stand_in import LABEL, PASSWORD, START_LIMIT_S, USER, Database, Mongo, docker, published_port

LOGIN = {"Authorization": "Basic " + base64.b64encode(b"me:secret").decode()}


@pytest.fixture(scope="module", params=["url", "server"])
def port(request: pytest.FixtureRequest, mongo: Mongo, express_image: str) -> Iterator[int]:
    """Its published port; configured by ME_CONFIG_MONGODB_URL, and by server, user and password apart."""
    network = docker("network", "create", "--label", LABEL, f"lab-{time.monotonic_ns()}")
    docker("network", "connect", "--alias", "mongodb", network, mongo.container)
    login = f"{quote(USER)}:{quote(PASSWORD, safe='')}"
    settings = {
        "url": {"ME_CONFIG_MONGODB_URL": f"mongodb://{login}@mongodb:27017/"},
        "server": {
            "ME_CONFIG_MONGODB_SERVER": "mongodb",
            "ME_CONFIG_MONGODB_ADMINUSERNAME": USER,
            # It puts the password into a URL as it stands.
            "ME_CONFIG_MONGODB_ADMINPASSWORD": quote(PASSWORD, safe=""),
        },
    }[request.param] | {"ME_CONFIG_BASICAUTH_USERNAME": "me", "ME_CONFIG_BASICAUTH_PASSWORD": "secret"}
    environment = [option for name, value in settings.items() for option in ("-e", f"{name}={value}")]
    container = docker(
        "run", "-d", "--label", LABEL, "--network", network, "-p", "127.0.0.1::8081", *environment, express_image
    )
    try:
        port = published_port(container, 8081)
        wait(port, container)
        yield port
    finally:
        docker("rm", "-f", container)
        docker("network", "disconnect", network, mongo.container)
        docker("network", "rm", network)


def wait(port: int, container: str) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit:
        with suppress(OSError, HTTPException):
            assert get(port, "/status") == (200, '{"status":"ok"}')
            return
    pytest.fail(docker("logs", container))


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


def test_databases_collections_and_documents_are_shown(port: int, database: Database) -> None:
    database.runs.insert_many({"rider": f"rider number {i}"} for i in range(3))
    for path, shown in (
        ("/", f"/db/{database.name}/"),
        (f"/db/{database.name}/", "runs"),
        (f"/db/{database.name}/runs", "rider number 2"),
    ):
        status, page = get(port, path, **LOGIN)
        assert status == 200
        assert shown in page


def test_without_a_login_no_page_is_shown(port: int) -> None:
    assert get(port, "/")[0] == 401
