import { afterEach, beforeEach } from "vitest";
import { createApp } from "../src/app.js";
import { createLogger } from "../src/log.js";
import { createPoseClient } from "../src/pose-client.js";
import { listen, type Listening } from "./fakes/listen.js";
import { MemoryStore } from "./fakes/memory-store.js";
import { type PoseServer, startPoseServer } from "./fakes/pose-server.js";

export const JPEG = Buffer.concat([Buffer.from("ffd8ffe0", "hex"), Buffer.from("a small photo")]);

export interface Setup {
  store: MemoryStore;
  pose: PoseServer;
  logged: Record<string, unknown>[];
  get: (path: string) => Promise<Response>;
  send: (method: string, path: string, init?: RequestInit) => Promise<Response>;
  upload: (bytes?: Buffer, filename?: string, field?: string) => Promise<Response>;
}

/** A fresh application over real HTTP for every test, with a fake pose service and a store in memory. */
export function useApp(): Setup {
  const setup = {} as Setup;
  let app: Listening;

  beforeEach(async () => {
    const pose = await startPoseServer();
    const store = new MemoryStore();
    const logged: Record<string, unknown>[] = [];
    const log = createLogger((line) => logged.push(JSON.parse(line) as Record<string, unknown>));
    const client = createPoseClient(pose.url, { analyseMs: 300, healthMs: 300 });
    app = await listen(createApp({ store, pose: client, log, now: () => new Date("2026-01-15T10:00:00Z") }));
    const send = (method: string, path: string, init?: RequestInit) => fetch(app.url + path, { ...init, method });
    const upload = (bytes = JPEG, filename = "run.jpg", field = "image") =>
      send("POST", "/api/analyses", multipart([partOf(bytes, filename, field)]));
    Object.assign(setup, { store, pose, logged, send, upload, get: (path: string) => send("GET", path) });
  });

  afterEach(async () => {
    await app.close();
    await setup.pose.close();
  });

  return setup;
}

/** A form as a browser sends it; Node 18 still calls its own File class experimental, with a warning. */
export function multipart(parts: Buffer[], end = "\r\n--x--\r\n"): RequestInit {
  return { headers: { "Content-Type": "multipart/form-data; boundary=x" }, body: Buffer.concat([...parts, Buffer.from(end)]) };
}

export function partOf(bytes: Buffer, filename: string, field: string): Buffer {
  const disposition = `Content-Disposition: form-data; name="${field}"; filename="${filename}"`;
  return Buffer.concat([Buffer.from(`--x\r\n${disposition}\r\nContent-Type: image/jpeg\r\n\r\n`), bytes]);
}

export interface ErrorBody {
  error: { code: string; message: string };
}

/** Status and code of a refused request, once its body has the shared error shape. */
export async function refusal(response: Response) {
  const { error } = (await response.json()) as ErrorBody;
  if (typeof error.message !== "string" || error.message === "") throw new Error("an error without a message");
  return { status: response.status, code: error.code, message: error.message };
}
