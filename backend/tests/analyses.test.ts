import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Analysis } from "../src/model.js";
import { POSE } from "./fakes/pose-server.js";
import { JPEG, multipart, partOf, refusal, useApp } from "./support.js";

type Stored = Omit<Analysis, "createdAt"> & { createdAt: string };

const app = useApp();

async function analyse(filename = "run.jpg") {
  return (await (await app.upload(JPEG, filename)).json()) as Stored;
}

async function list(query = "") {
  return (await (await app.get(`/api/analyses${query}`)).json()) as { items: Stored[]; next: string | null };
}

describe("an uploaded photo", () => {
  it("is answered with its analysis, which can be read again", async () => {
    const response = await app.upload(JPEG, "Größe ⛷.jpg");
    const created = (await response.json()) as Stored;
    expect(response.status).toBe(201);
    expect(created).toMatchObject({ ...POSE, filename: "Größe ⛷.jpg", createdAt: "2026-01-15T10:00:00.000Z" });
    expect(created).not.toHaveProperty("duration_ms");
    expect(response.headers.get("location")).toBe(`/api/analyses/${created.id}`);
    expect(await (await app.get(`/api/analyses/${created.id}`)).json()).toEqual(created);
  });

  it("reaches the pose service unchanged", async () => {
    await app.upload();
    expect(app.pose.received).toEqual({ type: "image/jpeg", bytes: JPEG });
  });

  it.each([
    ["JPEG", "image/jpeg", JPEG],
    ["PNG", "image/png", Buffer.from("\x89PNG\r\n\x1a\n....", "latin1")],
    ["WebP", "image/webp", Buffer.from("RIFF\x04\x00\x00\x00WEBP....", "latin1")],
  ])("comes back as the %s it was, whatever type the client claimed", async (_name, type, bytes) => {
    const { id } = (await (await app.upload(bytes)).json()) as Stored;
    const photo = await app.get(`/api/analyses/${id}/image`);
    expect(photo.headers.get("content-type")).toBe(type);
    expect(photo.headers.get("x-content-type-options")).toBe("nosniff");
    expect(Buffer.from(await photo.arrayBuffer())).toEqual(bytes);
  });

  it("may be as large as 10 MiB", async () => {
    const largest = Buffer.concat([JPEG, Buffer.alloc(10 * 1024 * 1024 - JPEG.length)]);
    expect((await app.upload(largest)).status).toBe(201);
  });
});

describe("a request is refused", () => {
  it.each([
    ["without a body", () => app.send("POST", "/api/analyses"), 400, "missing_image"],
    ["with a body that is no multipart", () => app.send("POST", "/api/analyses", { body: "photo" }), 400, "missing_image"],
    ["with an empty form", () => app.send("POST", "/api/analyses", multipart([], "--x--\r\n")), 400, "missing_image"],
    ["with the photo in another field", () => app.upload(JPEG, "run.jpg", "photo"), 400, "missing_image"],
    ["with an empty file", () => app.upload(Buffer.alloc(0)), 400, "missing_image"],
    ["with a file that is no photo", () => app.upload(Buffer.from("<html>")), 415, "unsupported_media"],
    ["with a photo over 10 MiB", () => app.upload(Buffer.alloc(10 * 1024 * 1024 + 1, JPEG)), 413, "too_large"],
    ["for a limit of nothing", () => app.get("/api/analyses?limit=0"), 400, "bad_request"],
    ["for a limit that is no number", () => app.get("/api/analyses?limit=all"), 400, "bad_request"],
    ["for a date that is none", () => app.get("/api/analyses?before=yesterday"), 400, "bad_request"],
    ["for two dates", () => app.get("/api/analyses?before=2026-01-01&before=2026-01-02"), 400, "bad_request"],
    ["for an unknown analysis", () => app.get(`/api/analyses/${randomUUID()}`), 404, "not_found"],
    ["for a malformed id", () => app.get("/api/analyses/not-an-id"), 404, "not_found"],
    ["for an id that cannot be decoded", () => app.get("/api/analyses/%ZZ"), 404, "not_found"],
    ["for the photo of an unknown analysis", () => app.get("/api/analyses/none/image"), 404, "not_found"],
    ["for the removal of an unknown analysis", () => app.send("DELETE", "/api/analyses/none"), 404, "not_found"],
    ["for an unknown path", () => app.get("/api/nothing"), 404, "not_found"],
  ])("%s", async (_case, request, status, code) => {
    expect(await refusal(await request())).toMatchObject({ status, code });
  });

  it("when the upload is cut off", async () => {
    const half = multipart([partOf(JPEG, "run.jpg", "image")], "");
    expect(await refusal(await app.send("POST", "/api/analyses", half))).toMatchObject({ status: 400, code: "bad_request" });
  });
});

describe("the pose service", () => {
  it.each([
    [422, "no_person"],
    [422, "damaged_image"],
    [415, "unsupported_media"],
    [413, "too_many_pixels"],
    [500, "internal_error"],
  ])("has its error %i %s passed on", async (status, code) => {
    app.pose.answer = { status, body: { error: { code, message: "Said by the pose service." } } };
    expect(await refusal(await app.upload())).toEqual({ status, code, message: "Said by the pose service." });
  });

  it.each([
    ["answers nothing in time", "silent" as const],
    ["answers with a page", { status: 200, body: "<html>" }],
    ["answers with an error of another shape", { status: 500, body: { detail: "oops" } }],
    ["answers with a list", { status: 200, body: [] }],
    ["answers with something that is no pose", { status: 200, body: { landmarks: [] } }],
  ])("counts as unavailable when it %s", async (_case, answer) => {
    app.pose.answer = answer;
    expect(await refusal(await app.upload())).toMatchObject({ status: 502, code: "pose_unavailable" });
  });

  it("counts as unavailable when it is down, and nothing is stored", async () => {
    await app.pose.close();
    const answer = await refusal(await app.upload());
    expect(answer).toMatchObject({ status: 502, code: "pose_unavailable" });
    expect(answer.message).toContain("ECONNREFUSED");
    expect((await list()).items).toEqual([]);
  });
});

describe("the list of analyses", () => {
  it("is empty at first", async () => {
    expect(await list()).toEqual({ items: [], next: null });
  });

  it("shows the newest first, without landmarks", async () => {
    await analyse("first.jpg");
    await analyse("second.jpg");
    const { items, next } = await list();
    expect(items.map(({ filename }) => filename)).toEqual(["second.jpg", "first.jpg"]);
    expect(items[0]).not.toHaveProperty("landmarks");
    expect(items[0]?.angles).toEqual(POSE.angles);
    expect(next).toBeNull();
  });

  it("pages through everything exactly once, even when the clock stands still", async () => {
    for (const name of ["1", "2", "3", "4", "5"]) await analyse(name);
    const seen: string[] = [];
    let query = "?limit=2";
    for (;;) {
      const { items, next } = await list(query);
      seen.push(...items.map(({ filename }) => filename));
      if (next === null) break;
      query = `?limit=2&before=${next}`;
    }
    expect(seen).toEqual(["5", "4", "3", "2", "1"]);
  });

  it("loses an analysis that is deleted, with its photo", async () => {
    const { id } = await analyse();
    expect((await app.send("DELETE", `/api/analyses/${id}`)).status).toBe(204);
    expect((await list()).items).toEqual([]);
    expect((await app.get(`/api/analyses/${id}`)).status).toBe(404);
    expect((await app.get(`/api/analyses/${id}/image`)).status).toBe(404);
  });
});

describe("without the database", () => {
  it.each([
    ["uploading", () => app.upload()],
    ["listing", () => app.get("/api/analyses")],
    ["reading", () => app.get("/api/analyses/some-id")],
    ["reading a photo", () => app.get("/api/analyses/some-id/image")],
    ["deleting", () => app.send("DELETE", "/api/analyses/some-id")],
  ])("%s answers store_unavailable", async (_case, request) => {
    app.store.down = true;
    expect(await refusal(await request())).toMatchObject({ status: 503, code: "store_unavailable" });
  });
});
