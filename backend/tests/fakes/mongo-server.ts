import { type AddressInfo, createServer, type Socket } from "node:net";
import { BSON } from "mongodb";

type Document = BSON.Document;

const HEADER_BYTES = 16;
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

/**
 * Just enough MongoDB for the store: the wire protocol's two message kinds and the six commands it sends,
 * over an array per collection. It exists because the behaviour worth testing (a database that is late, or
 * goes and comes back) belongs to the real driver.
 */
export async function startMongoServer(port = 0) {
  const collections = new Map<string, Document[]>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    receive(socket, (command) => run(collections, command));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => { resolve(); });
      for (const socket of sockets) socket.destroy();
    });
  return { port: address.port, close };
}

function receive(socket: Socket, answer: (command: Document) => Document) {
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= HEADER_BYTES && pending.length >= pending.readInt32LE(0)) {
      const message = pending.subarray(0, pending.readInt32LE(0));
      pending = pending.subarray(message.length);
      socket.write(reply(message, answer(parse(message))));
    }
  });
}

function parse(message: Buffer): Document {
  if (message.readInt32LE(12) === OP_QUERY) {
    const nameEnd = message.indexOf(0, HEADER_BYTES + 4);
    return BSON.deserialize(message.subarray(nameEnd + 9));
  }
  let command: Document = {};
  for (let at = HEADER_BYTES + 4; at < message.length; ) {
    const kind = message[at];
    const size = message.readInt32LE(at + 1);
    const section = message.subarray(at + 1, at + 1 + size);
    if (kind === 0) command = { ...command, ...deserialize(section) };
    else command = { ...command, ...parseSequence(section) };
    at += 1 + size;
  }
  return command;
}

function parseSequence(section: Buffer): Document {
  const nameEnd = section.indexOf(0, 4);
  const documents: Document[] = [];
  for (let at = nameEnd + 1; at < section.length; at += section.readInt32LE(at)) {
    documents.push(deserialize(section.subarray(at, at + section.readInt32LE(at))));
  }
  return { [section.toString("utf8", 4, nameEnd)]: documents };
}

const deserialize = (bytes: Buffer) => BSON.deserialize(bytes, { promoteBuffers: true });

function reply(request: Buffer, document: Document): Buffer {
  const isQuery = request.readInt32LE(12) === OP_QUERY;
  const body = BSON.serialize(document);
  const prefix = Buffer.alloc(HEADER_BYTES + (isQuery ? 20 : 5));
  prefix.writeInt32LE(prefix.length + body.length, 0);
  prefix.writeInt32LE(request.readInt32LE(4), 8);
  prefix.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12);
  if (isQuery) prefix.writeInt32LE(1, HEADER_BYTES + 16);
  return Buffer.concat([prefix, body]);
}

function run(collections: Map<string, Document[]>, command: Document): Document {
  const [name = "", target] = Object.entries(command)[0] ?? [];
  const documents = collections.get(String(target)) ?? [];
  switch (name) {
    case "hello":
    case "ismaster":
      return { ok: 1, helloOk: true, isWritablePrimary: true, ismaster: true, minWireVersion: 6, maxWireVersion: 21,
        maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000 };
    case "insert":
      collections.set(String(target), [...documents, ...(command.documents as Document[])]);
      return { ok: 1, n: (command.documents as Document[]).length };
    case "find":
      return { ok: 1, cursor: { id: BSON.Long.ZERO, ns: `db.${String(target)}`, firstBatch: find(documents, command as unknown as Find) } };
    case "delete":
      return { ok: 1, n: remove(documents, (command.deletes as Document[])[0] ?? {}) };
    case "ping":
    case "createIndexes":
    case "endSessions":
      return { ok: 1 };
    default:
      return { ok: 0, code: 59, codeName: "CommandNotFound", errmsg: `no such command: ${name}` };
  }
}

interface Find {
  filter: { _id?: string; createdAt?: { $lt: Date } };
  projection?: Record<string, 0>;
  limit?: number;
}

function find(documents: Document[], { filter, projection = {}, limit }: Find): Document[] {
  const { _id, createdAt } = filter;
  return documents
    .filter((document) => _id === undefined || document._id === _id)
    .filter((document) => createdAt === undefined || (document.createdAt as Date) < createdAt.$lt)
    .sort((a, b) => Number(b.createdAt) - Number(a.createdAt))
    .slice(0, limit)
    .map((document) => Object.fromEntries(Object.entries(document).filter(([key]) => projection[key] !== 0)));
}

function remove(documents: Document[], { q }: Document): number {
  const index = documents.findIndex((document) => document._id === (q as Document)._id);
  return index < 0 ? 0 : documents.splice(index, 1).length;
}
