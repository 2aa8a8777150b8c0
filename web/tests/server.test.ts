import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createApp } from "../server/app.js";

const cleanups: (() => Promise<void> | void)[] = [];
const logged: string[] = [];
let root: string;

beforeEach(async () => {
  logged.length = 0;
  root = await mkdtemp(join(tmpdir(), "page-"));
  await mkdir(join(root, "assets"));
  await writeFile(join(root, "index.html"), "<title>page</title>");
  await writeFile(join(root, "assets/app-1234.js"), "app");
  cleanups.push(() => rm(root, { recursive: true }));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const echo: RequestListener = (request, response) => {
  void (async () => {
    let size = 0;
    for await (const chunk of request) size += (chunk as Buffer).length;
    const { method, url, headers } = request;
    response.writeHead(201, { "Content-Type": "application/json", "X-Backend": "yes" });
    response.end(JSON.stringify({ method, url, size, type: headers["content-type"] }));
  })();
};

const listenApp = async (backend: RequestListener = echo) =>
  listen(createApp({ root, backendUrl: await listen(backend), log: (line) => logged.push(line) }));

const unavailable = {
  error: { code: "backend_unavailable", message: "The backend cannot be reached. Try again in a moment." },
};

it("serves the page with headers that keep it to its own origin", async () => {
  const response = await fetch(`${await listenApp()}/`);
  expect(await response.text()).toBe("<title>page</title>");
  expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(response.headers.get("cache-control")).toBe("no-cache");
});

it("lets hashed files be kept for ever", async () => {
  const response = await fetch(`${await listenApp()}/assets/app-1234.js`);
  expect(response.headers.get("cache-control")).toContain("immutable");
});

it.each(["/nothing", "/apis", "/healthy", "/..%2f..%2fetc/passwd"])("answers 404 for %s", async (path) => {
  const response = await fetch((await listenApp()) + path);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { code: "not_found" } });
});

it("serves files to readers only", async () => {
  expect((await fetch(`${await listenApp()}/`, { method: "POST" })).status).toBe(404);
});

it("forwards the API unchanged, upload and answer", async () => {
  const url = await listenApp();
  const body = new Uint8Array(1024 * 1024);
  const response = await fetch(`${url}/api/analyses?limit=3`, { method: "POST", headers: { "Content-Type": "image/png" }, body });
  expect(response.status).toBe(201);
  expect(response.headers.get("x-backend")).toBe("yes");
  expect(await response.json()).toEqual({ method: "POST", url: "/api/analyses?limit=3", size: body.length, type: "image/png" });
});

it("forwards the health question", async () => {
  expect(await (await fetch(`${await listenApp()}/health`)).json()).toMatchObject({ method: "GET", url: "/health" });
});

it("answers 502 in the shared error shape when the backend is down, and stays alive", async () => {
  const url = await listen(createApp({ root, backendUrl: "http://127.0.0.1:1", log: (line) => logged.push(line) }));
  for (const path of ["/api/analyses", "/health"]) {
    const response = await fetch(url + path);
    expect(response.status).toBe(502);
    expect(await response.json()).toEqual(unavailable);
  }
  const upload = await fetch(`${url}/api/analyses`, { method: "POST", body: new Uint8Array(5 * 1024 * 1024) });
  expect(upload.status).toBe(502);
  const alive = await fetch(`${url}/livez`);
  expect(await alive.json()).toEqual({ status: "ok" });
  expect(JSON.parse(logged[0] ?? "")).toMatchObject({ level: "warn", message: "backend unavailable", path: "/api/analyses" });
});

it("can stop right after an upload that nobody took", async () => {
  const server = createServer(createApp({ root, backendUrl: "http://127.0.0.1:1", log: (line) => logged.push(line) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/analyses`;
  const response = await fetch(url, { method: "POST", body: new Uint8Array(5 * 1024 * 1024) });
  await response.text();
  let stopped = false;
  server.close(() => (stopped = true));
  await vi.waitUntil(() => {
    server.closeIdleConnections();
    return stopped;
  });
});

it("answers 502 when the backend hangs up before it answers", async () => {
  const url = await listenApp((_request, response) => void response.destroy());
  const response = await fetch(`${url}/api/analyses`);
  expect(response.status).toBe(502);
  expect(await response.json()).toEqual(unavailable);
});

it("breaks the connection when the backend hangs up halfway", async () => {
  const url = await listenApp((_request, response) => {
    response.writeHead(200, { "Content-Length": "100" });
    response.write("half", () => void response.destroy());
  });
  await expect(fetch(`${url}/api/analyses`).then((response) => response.text())).rejects.toThrow();
});
