"""One request as a command, and the session (client connection) it belongs to."""

from asyncio import StreamWriter
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import count
from typing import TYPE_CHECKING, Any

from bson.raw_bson import RawBSONDocument

from gateway.cursors import Cursors
from gateway.errors import CommandError

if TYPE_CHECKING:
    from gateway.auth import Login, Users
    from gateway.database import Database

VERSION = "7.0.0"
_connection_ids = count(1)


@dataclass
class Server:
    """What all connections share."""

    database: "Database"
    users: "Users"
    auth_required: bool
    cursors: Cursors = field(default_factory=Cursors)
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    connections: set[StreamWriter] = field(default_factory=set)
    operations: Counter[str] = field(default_factory=Counter)


@dataclass
class Session:
    """One client connection: who it is, and the login in progress."""

    server: Server
    peer: str
    id: int = field(default_factory=lambda: next(_connection_ids))
    user: str | None = None
    login: "Login | None" = None


@dataclass(frozen=True)
class Command:
    """
    A command document. `body` decodes on access only; `raw` goes to DocumentDB as it came, so no type is lost.
    """

    name: str
    raw: bytes
    body: RawBSONDocument
    documents: bytes | None

    @property
    def database(self) -> str:
        return self.text("$db", default="admin")

    @property
    def collection(self) -> str:
        return self.text(self.name)

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.body.get(self.name)}"

    @property
    def time_limit_ms(self) -> int:
        """`maxTimeMS`; 0 means no limit."""
        return int(self.number("maxTimeMS"))

    def number(self, key: str, *, default: float = 0) -> float:
        value = self.body.get(key, default)
        if not isinstance(value, (int, float)):
            raise CommandError("TypeMismatch", f"'{self.name}' needs a number in the field '{key}'")
        return value

    def text(self, key: str, *, default: str | None = None) -> str:
        value = self.body.get(key, default)
        if not isinstance(value, str):
            raise CommandError("TypeMismatch", f"'{self.name}' needs a string in the field '{key}'")
        return value


# A reply is a document, or BSON that DocumentDB has made.
Reply = Mapping[str, Any] | bytes
Handler = Callable[[Session, Command], Awaitable[Reply]]


def parse_command(raw: bytes, documents: bytes | None) -> Command:
    """Read a command document; its first key names the command."""
    body = RawBSONDocument(raw)
    name = next(iter(body), None)
    if name is None:
        raise CommandError("CommandNotFound", "an empty document is no command")
    return Command(name, raw, body, documents)
