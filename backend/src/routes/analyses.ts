import { randomUUID } from "node:crypto";
import { type Request, Router } from "express";
import { badRequest, notFound } from "../errors.js";
import type { Analysis } from "../model.js";
import type { PoseClient } from "../pose-client.js";
import type { Page, Store } from "../store/store.js";
import { readUpload } from "../upload.js";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

export interface AnalysesDependencies {
  store: Store;
  pose: PoseClient;
  now: () => Date;
}

export function analysesRoutes({ store, pose, now }: AnalysesDependencies): Router {
  const router = Router();
  const nextInstant = strictlyIncreasing(now);

  router.post("/", async (request, response) => {
    const { filename, ...photo } = await readUpload(request, response);
    const found = await pose.analyse(photo);
    const analysis: Analysis = { id: randomUUID(), createdAt: nextInstant(), filename, ...found };
    await store.save(analysis, photo);
    response.status(201).location(`${request.baseUrl}/${analysis.id}`).json(analysis);
  });

  router.get("/", async (request, response) => {
    const page = readPage(request.query);
    // One more than asked for tells whether there is a next page.
    const found = await store.list({ ...page, limit: page.limit + 1 });
    const items = found.slice(0, page.limit);
    response.json({ items, next: found.length > page.limit ? items.at(-1)?.createdAt : null });
  });

  router.get("/:id", async (request, response) => {
    const analysis = await store.find(request.params.id);
    if (analysis === null) throw notFound("This analysis");
    response.json(analysis);
  });

  router.get("/:id/image", async (request, response) => {
    const photo = await store.findPhoto(request.params.id);
    if (photo === null) throw notFound("This photo");
    // A photo never changes under its id.
    response.set("Cache-Control", "private, max-age=86400, immutable");
    response.type(photo.type).send(photo.bytes);
  });

  router.delete("/:id", async (request, response) => {
    if (!(await store.remove(request.params.id))) throw notFound("This analysis");
    response.sendStatus(204);
  });

  return router;
}

function readPage({ limit = `${DEFAULT_LIMIT}`, before }: Request["query"]): Page {
  const count = Number(limit);
  if (!Number.isInteger(count) || count < 1 || count > MAX_LIMIT) {
    throw badRequest(`\`limit\` must be a whole number from 1 to ${MAX_LIMIT}.`);
  }
  if (before === undefined) return { limit: count };
  const instant = new Date(typeof before === "string" ? before : NaN);
  if (Number.isNaN(instant.getTime())) throw badRequest("`before` must be an ISO 8601 date and time.");
  return { limit: count, before: instant };
}

/** `before` pages by time alone, so no two analyses may carry the same one. */
function strictlyIncreasing(now: () => Date): () => Date {
  let last = 0;
  return () => new Date((last = Math.max(now().getTime(), last + 1)));
}
