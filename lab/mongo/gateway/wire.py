"""
MongoDB's wire protocol: OP_MSG both ways, and OP_QUERY / OP_REPLY for the first handshake of older drivers.

Source: MongoDB manual, "MongoDB Wire Protocol".
"""

import struct
from asyncio import StreamReader
from dataclasses import dataclass

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
CHECKSUM_PRESENT, MORE_TO_COME = 1, 2
MAX_MESSAGE_BYTES = 48_000_000

HEADER = struct.Struct("<iiii")
INT32 = struct.Struct("<i")


class ProtocolError(Exception):
    """Bytes that are no message this server understands: the connection is closed, as mongod does."""


@dataclass(frozen=True)
class Request:
    """
    One message of a client.

    Attributes:
        command: the command document, as BSON.
        documents: the documents of its sequence (insert, update, delete), BSON one after the other; None without one.
        legacy: it came as OP_QUERY and wants an OP_REPLY.
        wants_reply: false for unacknowledged writes.
    """

    id: int
    command: bytes
    documents: bytes | None = None
    legacy: bool = False
    wants_reply: bool = True


async def read_request(reader: StreamReader) -> Request:
    """
    Read the next message.

    Raises:
        ProtocolError: no message of this protocol.
        asyncio.IncompleteReadError: the client went away.
    """
    length, request_id, _, opcode = HEADER.unpack(await reader.readexactly(HEADER.size))
    if not HEADER.size < length <= MAX_MESSAGE_BYTES:
        raise ProtocolError(f"message of {length} bytes")
    payload = await reader.readexactly(length - HEADER.size)
    try:
        if opcode == OP_MSG:
            return _parse_msg(request_id, payload)
        if opcode == OP_QUERY:
            return _parse_query(request_id, payload)
    except (struct.error, ValueError, IndexError) as error:
        raise ProtocolError(f"damaged message: {error}") from error
    raise ProtocolError(f"opcode {opcode}")


def encode_reply(request: Request, document: bytes) -> bytes:
    """Frame a BSON document as the answer to a request."""
    if request.legacy:
        # flags (AwaitCapable), cursor id, first document, number of documents
        opcode, prefix = OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1)
    else:
        opcode, prefix = OP_MSG, b"\0\0\0\0\0"  # no flags; one section of kind 0
    length = HEADER.size + len(prefix) + len(document)
    return HEADER.pack(length, 0, request.id, opcode) + prefix + document


def _parse_msg(request_id: int, payload: bytes) -> Request:
    (flags,) = INT32.unpack_from(payload)
    end = len(payload) - (4 if flags & CHECKSUM_PRESENT else 0)
    command = documents = None
    at = 4
    while at < end:
        kind, (size,) = payload[at], INT32.unpack_from(payload, at + 1)
        section = payload[at + 1 : at + 1 + size]
        if size < 5 or len(section) < size:
            raise ValueError("section longer than its message")
        if kind == 0 and command is None:
            command = section
        elif kind == 1 and documents is None:
            documents = section[section.index(b"\0", 4) + 1 :]
        else:
            raise ValueError(f"unexpected section of kind {kind}")
        at += 1 + size
    if command is None:
        raise ValueError("no command document")
    return Request(request_id, command, documents, wants_reply=not flags & MORE_TO_COME)


def _parse_query(request_id: int, payload: bytes) -> Request:
    at = payload.index(b"\0", 4) + 1 + 8  # flags, collection name, skip, number to return
    (size,) = INT32.unpack_from(payload, at)
    return Request(request_id, payload[at : at + size], legacy=True)
