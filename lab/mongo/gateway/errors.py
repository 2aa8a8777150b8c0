"""
MongoDB's error codes, and PostgreSQL's errors translated into them.

    CommandError    what a client is told: {ok: 0, code, codeName, errmsg}
"""

import re
from collections.abc import Mapping
from typing import Any

import psycopg

# DocumentDB raises its own SQLSTATEs M0000, M0001 ... M0009, M000A ... (base 36) in this order. The ones that follow
# are numbered "LocationNNN" errors, which clients do not tell apart: they are reported as UnknownError.
_DOCUMENTDB = """
InternalError 1  BadValue 2  GraphContainsCycle 5  FailedToParse 9  TypeMismatch 14  Overflow 15  IllegalOperation 20
AlreadyInitialized 23  NamespaceNotFound 26  IndexNotFound 27  PathNotViable 28  RoleNotFound 31
CannotBackfillArray 34  ConflictingUpdateOperators 40  CursorNotFound 43  NamespaceExists 48
DollarPrefixedFieldName 52  CanNotBeTypeArray 53  NotSingleValueField 54  EmptyFieldName 56  DottedFieldName 57
ShardKeyNotFound 61  ImmutableField 66  CannotCreateIndex 67  IndexAlreadyExists 68  InvalidOptions 72
InvalidNamespace 73  IndexOptionsConflict 85  IndexKeySpecsConflict 86  NotExactValueField 111
CommandNotSupported 115  NamespaceNotSharded 118  ExceededMemoryLimit 146  DurationOverflow 159
ViewDepthLimitExceeded 165  CommandNotSupportedOnView 166  OptionNotSupportedOnView 167
AmbiguousIndexKeyPattern 181  InvalidIndexSpecificationOption 197  QueryFeatureNotAllowed 224
MaxSubPipelineDepthExceeded 232  ConversionFailure 241  OperationNotSupportedInTransaction 263
IndexBuildAborted 276  UnableToFindIndex 291  CollectionUUIDMismatch 361  Location10065 10065
BSONObjectTooLarge 10334  DuplicateKey 11000
"""
_WORDS = _DOCUMENTDB.split()
_BY_POSITION = tuple(zip(_WORDS[::2], map(int, _WORDS[1::2]), strict=True))

_POSTGRES = {
    "23505": "DuplicateKey",  # unique_violation
    "23P01": "DuplicateKey",  # exclusion_violation: how DocumentDB keeps unique indexes
    "40001": "WriteConflict",
    "40P01": "WriteConflict",
    "53100": "OutOfDiskSpace",
    "53200": "ExceededMemoryLimit",
    "57014": "MaxTimeMSExpired",  # query_canceled: statement_timeout
    "0A000": "CommandNotSupported",
    "22P02": "BadValue",
    "22023": "BadValue",
    "42P01": "NamespaceNotFound",
}

CODES: Mapping[str, int] = dict(_BY_POSITION) | {
    "UnknownError": 8,
    "Unauthorized": 13,
    "AuthenticationFailed": 18,
    "MaxTimeMSExpired": 50,
    "CommandNotFound": 59,
    "NoReplicationEnabled": 76,
    "WriteConflict": 112,
    "OutOfDiskSpace": 14031,
}

# Duplicate key violation on the requested collection: Index 'email_1'
_INDEX = re.compile(r"Index '([^']+)'")


class CommandError(Exception):
    """A command that failed, in MongoDB's terms. `name` is one of CODES."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.code = CODES[name]

    def document(self) -> dict[str, Any]:
        return {"ok": 0.0, "errmsg": str(self), "code": self.code, "codeName": self.name}


def from_postgres(error: psycopg.Error, *, namespace: str = "") -> CommandError:
    """Translate what PostgreSQL or DocumentDB raised."""
    return _known(error.sqlstate or "", error.diag.message_primary or str(error), namespace)


def from_packed(code: int, message: str, *, namespace: str = "") -> CommandError:
    """Translate the `code` inside a DocumentDB reply: an SQLSTATE packed into an integer, six bits a character."""
    sqlstate = "".join(chr(48 + (code >> shift & 0x3F)) for shift in range(0, 30, 6))
    return _known(sqlstate, message, namespace)


def _known(sqlstate: str, message: str, namespace: str) -> CommandError:
    name = _POSTGRES.get(sqlstate, "UnknownError")
    if sqlstate.startswith("M"):
        position = int(sqlstate[1:], 36)
        name = _BY_POSITION[position][0] if position < len(_BY_POSITION) else "UnknownError"
    if name == "DuplicateKey":
        index = _INDEX.search(message)
        message = f"E11000 duplicate key error collection: {namespace} index: {index[1] if index else 'unique'}"
    return CommandError(name, message)
