"""
The users file, and SCRAM logins (SCRAM-SHA-256 and SCRAM-SHA-1) against it. Only salted keys are stored.
The users file is written last at the first start: its presence says that the volume is complete.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scramp import ScramException, ScramMechanism  # type: ignore[import-untyped]  # it ships no types

from gateway.command import Command, Handler, Reply, Session
from gateway.errors import CommandError

# mongod's own iteration counts.
MECHANISMS: Mapping[str, int] = {"SCRAM-SHA-1": 10_000, "SCRAM-SHA-256": 15_000}
AUTH_DATABASE = "admin"


@dataclass(frozen=True)
class Users:
    """Salted keys by user name and mechanism: (salt, stored key, server key, iterations)."""

    keys: Mapping[str, Mapping[str, tuple[bytes, bytes, bytes, int]]]

    def mechanisms(self, user: str) -> list[str]:
        return list(self.keys.get(user, ()))


@dataclass
class Login:
    """A SCRAM conversation in progress. `user` is who the client says it is, until `verified`."""

    scram: Any  # scramp.core.ScramServer
    user: str
    skip_empty_exchange: bool
    verified: bool = False


def new_users(user: str | None, password: str | None) -> Users:
    """Make the users of a new volume: the given one, or nobody."""
    if not user or not password:
        return Users({})
    # SCRAM-SHA-1 predates password preparation: MongoDB hashes the password in its own way first.
    digest = hashlib.md5(f"{user}:mongo:{password}".encode(), usedforsecurity=False).hexdigest()
    secrets = {"SCRAM-SHA-1": digest, "SCRAM-SHA-256": password}
    return Users(
        {user: {name: ScramMechanism(name).make_auth_info(secrets[name], count) for name, count in MECHANISMS.items()}}
    )


def save_users(users: Users, path: Path) -> None:
    """Write the users file, readable by its owner only, all at once."""
    document = {
        user: {name: [*(b64encode(part).decode() for part in keys[:3]), keys[3]] for name, keys in by_mechanism.items()}
        for user, by_mechanism in users.keys.items()
    }
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(document))
    draft.rename(path)


def load_users(path: Path) -> Users:
    document = json.loads(path.read_text())
    return Users(
        {
            user: {name: (*map(b64decode, keys[:3]), keys[3]) for name, keys in by_mechanism.items()}
            for user, by_mechanism in document.items()
        }
    )


def start_login(session: Session, database: str, request: Mapping[str, Any]) -> Reply:
    """
    Take the first step of a login. `request` is a saslStart command, or hello's `speculativeAuthenticate`.

    Raises:
        CommandError: AuthenticationFailed, whatever the reason: a client learns no more.
    """
    mechanism = str(request.get("mechanism"))
    if mechanism not in MECHANISMS:
        raise CommandError("AuthenticationFailed", f"Unsupported mechanism: {mechanism}")
    users = session.server.users.keys if database == AUTH_DATABASE else {}

    def keys_of(user: str) -> tuple[bytes, bytes, bytes, int]:
        login.user = user
        return users[user][mechanism]

    options = request.get("options") or {}
    scram = ScramMechanism(mechanism).make_server(keys_of)
    login = Login(scram, user="", skip_empty_exchange=bool(options.get("skipEmptyExchange")))
    session.user, session.login = None, login
    return _step(session, bytes(request.get("payload") or b""))


async def sasl_start(session: Session, command: Command) -> Reply:
    return start_login(session, command.database, command.body)


async def sasl_continue(session: Session, command: Command) -> Reply:
    return _step(session, bytes(command.body.get("payload") or b""))


async def logout(session: Session, _: Command) -> Reply:
    session.user = session.login = None
    return {"ok": 1.0}


def _step(session: Session, payload: bytes) -> Reply:
    login = session.login
    if login is None:
        raise CommandError("AuthenticationFailed", "No SASL session state found")
    try:
        answer = _exchange(login, payload.decode())
    except (ScramException, KeyError, ValueError) as error:
        session.login = None
        raise CommandError("AuthenticationFailed", "Authentication failed.") from error
    # A client that did not ask to skip it sends one more, empty message after the last one.
    done = login.verified and (login.skip_empty_exchange or not payload)
    if done:
        session.user, session.login = login.user, None
    return {"conversationId": 1, "done": done, "payload": answer.encode(), "ok": 1.0}


def _exchange(login: Login, message: str) -> str:
    scram = login.scram
    if login.verified:
        return ""
    if scram.stage is None:
        scram.set_client_first(message)
        return str(scram.get_server_first())
    scram.set_client_final(message)
    final = str(scram.get_server_final())
    login.verified = True
    return final


COMMANDS: Mapping[str, Handler] = {
    "saslStart": sasl_start,
    "saslContinue": sasl_continue,
    "logout": logout,
}
