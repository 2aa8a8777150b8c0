"""TCP connections: one task each, that reads a request, answers it, and reads the next."""

import asyncio
import logging
import socket

from gateway.command import Server, Session
from gateway.dispatch import answer
from gateway.wire import ProtocolError, encode_reply, read_request

READ_BUFFER_BYTES = 1024 * 1024
log = logging.getLogger("gateway")


async def listen(server: Server, *, host: str, port: int) -> asyncio.Server:
    """Open the port; `server.connections` holds what comes in."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(server, reader, writer)

    return await asyncio.start_server(serve, host, port, limit=READ_BUFFER_BYTES, backlog=512)


async def _serve(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("peername")
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    session = Session(server, f"{peer[0]}:{peer[1]}")
    server.connections.add(writer)
    try:
        while True:
            request = await read_request(reader)
            reply = await answer(session, request)
            if request.wants_reply:
                writer.write(encode_reply(request, reply))
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        log.debug("connection %d (%s) ended by the client", session.id, session.peer)
    except ProtocolError as error:
        log.warning("connection %d (%s) closed: %s", session.id, session.peer, error)
    finally:
        server.connections.discard(writer)
        writer.close()
