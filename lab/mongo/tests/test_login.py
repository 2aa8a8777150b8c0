"""Who may do what: as in the official image."""

import subprocess
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure
from stand_in import PASSWORD, Mongo, docker, run

UNAUTHORIZED, AUTHENTICATION_FAILED, COMMAND_NOT_FOUND = 13, 18, 59


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
def test_the_right_password_logs_in(mongo: Mongo, mechanism: str) -> None:
    client = mongo.client(authMechanism=mechanism)
    users = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
    assert users == [{"user": "root", "db": "admin"}]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
@pytest.mark.parametrize(
    ("user", "password"), [("root", "wrong"), ("nobody", PASSWORD)], ids=["wrong password", "unknown user"]
)
def test_a_wrong_login_is_refused(mongo: Mongo, mechanism: str, user: str, password: str) -> None:
    with pytest.raises(OperationFailure) as refused:
        mongo.client(user, password, authMechanism=mechanism).db.c.find_one()
    assert refused.value.code == AUTHENTICATION_FAILED


def test_the_user_of_admin_is_no_user_of_another_database(mongo: Mongo) -> None:
    with pytest.raises(OperationFailure) as refused:
        mongo.client(authSource="other").db.c.find_one()
    assert refused.value.code == AUTHENTICATION_FAILED


def test_without_a_login_only_the_handshake_and_ping_are_answered(mongo: Mongo) -> None:
    client = mongo.client(user="")
    assert client.admin.command("ping")["ok"] == 1
    for call in (client.list_database_names, client.db.c.find_one, lambda: client.db.c.insert_one({})):
        with pytest.raises(OperationFailure) as refused:
            call()
        assert refused.value.code == UNAUTHORIZED


def test_an_unknown_command_is_named(mongo: Mongo) -> None:
    with pytest.raises(OperationFailure, match="no such command: 'fly'") as refused:
        mongo.client().admin.command("fly")
    assert refused.value.code == COMMAND_NOT_FOUND


def test_without_a_root_user_nobody_logs_in(image: str) -> None:
    with run(image, user="") as mongo:
        client = mongo.client(user="")
        client.db.c.insert_one({"_id": 1})
        assert client.db.c.find_one() == {"_id": 1}


def test_a_user_without_a_password_does_not_start(image: str) -> None:
    command = ["docker", "run", "--rm", "-e", "MONGO_INITDB_ROOT_USERNAME=root", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "MONGO_INITDB_ROOT_PASSWORD go together" in done.stderr


def test_the_password_may_come_from_a_file(image: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("from a file\n")
    options = ("-e", "MONGO_INITDB_ROOT_USERNAME=root", "-e", "MONGO_INITDB_ROOT_PASSWORD_FILE=/run/secrets/password")
    with run(image, *options, "-v", f"{secret}:/run/secrets/password:ro", user="") as mongo:
        assert mongo.client(password="from a file").db.c.find_one() is None


def test_the_health_check_needs_no_login(mongo: Mongo) -> None:
    answer = docker("exec", mongo.container, "mongosh", "--quiet", "--eval", 'db.adminCommand("ping").ok')
    assert answer == "1"


def test_the_server_says_that_it_is_a_stand_in(mongo: Mongo) -> None:
    assert "stand-in" in mongo.client().admin.command("buildInfo")["gitVersion"]
