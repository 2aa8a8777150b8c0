import { afterEach, expect, it } from "vitest";
import type { Analysis, Photo } from "../src/model.js";
import { MongoStore } from "../src/store/mongo.js";
import { startMongoServer } from "./fakes/mongo-server.js";
import { POSE } from "./fakes/pose-server.js";
import { JPEG } from "./support.js";

const PHOTO: Photo = { bytes: JPEG, type: "image/jpeg" };
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function mongo(port?: number) {
  const server = await startMongoServer(port);
  cleanups.push(server.close);
  return server;
}

function storeAt(port: number) {
  const store = new MongoStore(`mongodb://127.0.0.1:${port}/snowboarding`, 200);
  cleanups.push(() => store.close());
  return store;
}

const analysisAt = (createdAt: string): Analysis => {
  return { id: createdAt, createdAt: new Date(createdAt), filename: "run.jpg", ...POSE };
};

it("gives back what it was given", async () => {
  const store = storeAt((await mongo()).port);
  const analysis = analysisAt("2026-01-15T10:00:00Z");
  await store.save(analysis, PHOTO);
  expect(await store.find(analysis.id)).toEqual(analysis);
  expect(await store.findPhoto(analysis.id)).toEqual(PHOTO);
  expect(await store.find("another")).toBeNull();
  expect(await store.findPhoto("another")).toBeNull();
});

it("lists the newest first, before a date, without landmarks", async () => {
  const store = storeAt((await mongo()).port);
  const days = ["2026-01-15T00:00:00Z", "2026-01-17T00:00:00Z", "2026-01-16T00:00:00Z"];
  for (const day of days) await store.save(analysisAt(day), PHOTO);
  const newest = await store.list({ limit: 2 });
  expect(newest.map(({ id }) => id)).toEqual(["2026-01-17T00:00:00Z", "2026-01-16T00:00:00Z"]);
  expect(newest[0]).not.toHaveProperty("landmarks");
  const earlier = await store.list({ limit: 2, before: new Date("2026-01-16T00:00:00Z") });
  expect(earlier.map(({ id }) => id)).toEqual(["2026-01-15T00:00:00Z"]);
});

it("removes an analysis and its photo once", async () => {
  const store = storeAt((await mongo()).port);
  const analysis = analysisAt("2026-01-15T10:00:00Z");
  await store.save(analysis, PHOTO);
  expect(await store.remove(analysis.id)).toBe(true);
  expect(await store.remove(analysis.id)).toBe(false);
  expect(await store.findPhoto(analysis.id)).toBeNull();
});

it("says that the database is missing, and works as soon as it is there", async () => {
  const early = await startMongoServer();
  await early.close();
  const store = storeAt(early.port);
  await expect(store.ping()).rejects.toMatchObject({ status: 503, code: "store_unavailable" });
  await expect(store.list({ limit: 1 })).rejects.toMatchObject({ status: 503, code: "store_unavailable" });
  await mongo(early.port);
  await expect(store.ping()).resolves.toBeUndefined();
});

it("finds its way back after an outage", async () => {
  const first = await startMongoServer();
  const store = storeAt(first.port);
  await store.ping();
  await first.close();
  await expect(store.ping()).rejects.toMatchObject({ code: "store_unavailable" });
  await mongo(first.port);
  await expect.poll(() => store.ping().then(() => "back", () => "away"), { timeout: 5_000 }).toBe("back");
});
