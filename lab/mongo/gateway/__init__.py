"""
A stand-in for `mongo:7.0` where no image registry can be reached: MongoDB's wire protocol in front of PostgreSQL
with the DocumentDB extension, which does the real work (queries, updates, indexes, aggregation).

    __main__.py   the container's entry point: environment, volume, privileges, signals
    server.py     TCP connections: read a request, answer it, in order
    wire.py       bytes <-> requests and replies
    command.py    one request as a command; the session it belongs to
    dispatch.py   command name -> handler, and who may call it
    handshake.py  hello, ping, and what the server says about itself
    auth.py       the users file and SCRAM logins
    crud.py       find, insert, update, aggregate ... and their cursors
    schema.py     collections, indexes, databases and their statistics
    cursors.py    the open cursors of all connections
    errors.py     MongoDB error codes, and PostgreSQL's errors as such
    database.py   the connection pool
    postgres.py   the PostgreSQL process on the volume
"""
