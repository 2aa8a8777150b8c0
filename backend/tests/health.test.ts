import { expect, it } from "vitest";
import { HEALTH } from "./fakes/pose-server.js";
import { useApp } from "./support.js";

const app = useApp();

async function health() {
  const response = await app.get("/health");
  return { code: response.status, body: await response.json() };
}

it("is ok when everything answers, with what the pose service says of itself", async () => {
  expect(await health()).toEqual({
    code: 200,
    body: { status: "ok", dependencies: { "pose-service": HEALTH, mongodb: { status: "ok" } } },
  });
});

it("is degraded and names the reason when the database is down", async () => {
  app.store.down = true;
  expect(await health()).toEqual({
    code: 503,
    body: {
      status: "degraded",
      dependencies: {
        "pose-service": HEALTH,
        mongodb: { status: "unavailable", error: "connect ECONNREFUSED" },
      },
    },
  });
});

it("is degraded and names the reason when the pose service is down", async () => {
  await app.pose.close();
  const { code, body } = await health();
  expect(code).toBe(503);
  expect(body).toMatchObject({
    status: "degraded",
    dependencies: {
      "pose-service": { status: "unavailable", error: expect.stringContaining("ECONNREFUSED") as string },
      mongodb: { status: "ok" },
    },
  });
});

it("leaves the process alive whatever its dependencies do", async () => {
  app.store.down = true;
  await app.pose.close();
  const response = await app.get("/livez");
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: "ok" });
});
