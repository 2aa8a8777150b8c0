import { Router } from "express";
import { reasonOf } from "../errors.js";
import type { PoseClient } from "../pose-client.js";
import type { Store } from "../store/store.js";

type Dependency = { status: "ok" } | { status: "unavailable"; error: string };

/** `/livez` speaks for this process alone; `/health` for everything it needs. */
export function healthRoutes({ store, pose }: { store: Store; pose: PoseClient }): Router {
  const router = Router();

  router.get("/livez", (_request, response) => {
    response.json({ status: "ok" });
  });

  router.get("/health", async (_request, response) => {
    const [poseService, mongodb] = await Promise.all([
      probe(() => pose.health()),
      probe(() => store.ping().then(() => ({}))),
    ]);
    const healthy = poseService.status === "ok" && mongodb.status === "ok";
    response
      .status(healthy ? 200 : 503)
      .set("Cache-Control", "no-store")
      .json({ status: healthy ? "ok" : "degraded", dependencies: { "pose-service": poseService, mongodb } });
  });

  return router;
}

async function probe(ask: () => Promise<object>): Promise<Dependency> {
  try {
    return { ...(await ask()), status: "ok" };
  } catch (error) {
    return { status: "unavailable", error: reasonOf(error) };
  }
}
