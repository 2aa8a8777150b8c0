import { expect, it, vi } from "vitest";
import { useApp } from "./support.js";

const app = useApp();

const levels = () => app.logged.map(({ level }) => level);

/** A request is logged when its connection is done, a moment after the client has its answer. */
const logged = (count: number) => vi.waitFor(() => { expect(app.logged).toHaveLength(count); });

it("has one line per request, without probes", async () => {
  await app.upload();
  await app.get("/livez");
  await app.get("/health");
  await logged(1);
  expect(app.logged[0]).toMatchObject({
    level: "info",
    message: "request",
    method: "POST",
    path: "/api/analyses",
    status: 201,
    duration_ms: expect.any(Number) as number,
  });
});

it("keeps refused photos and missing pages below a warning", async () => {
  await app.upload(Buffer.from("<html>"));
  await app.get("/api/nothing");
  await logged(2);
  expect(levels()).toEqual(["info", "info"]);
});

it("warns when a dependency is gone", async () => {
  app.store.down = true;
  await app.get("/api/analyses");
  await logged(2);
  expect(levels()).toEqual(["warn", "info"]);
});

it("keeps the stack of a bug, and the client never sees it", async () => {
  app.store.list = () => Promise.reject(new TypeError("a bug"));
  const response = await app.get("/api/analyses");
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("a bug");
  await logged(2);
  expect(app.logged[0]).toMatchObject({ level: "error", stack: expect.stringContaining("a bug") as string });
});
