import type { Server } from "node:http";
import { createApp } from "./app.js";
import { type Config, readConfig } from "./config.js";
import { reasonOf } from "./errors.js";
import { createLogger } from "./log.js";
import { createPoseClient } from "./pose-client.js";
import { MongoStore } from "./store/mongo.js";

/** Docker kills ten seconds after SIGTERM: requests under way get most of that time. */
const GRACE_MS = 8_000;

const log = createLogger((line) => process.stdout.write(line));
const config = readConfigOrExit();
const store = new MongoStore(config.mongodbUrl);
const pose = createPoseClient(config.poseServiceUrl);
const app = createApp({ store, pose, log, now: () => new Date() });

const server = app.listen(config.port, (error) => {
  if (error) throw error;
  log.info("listening", { port: config.port, pose_service: config.poseServiceUrl });
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    log.info("stopping", { signal });
    void stop(server)
      .then(() => store.close())
      .then(() => process.exit(0));
  });
}

function readConfigOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    log.error("wrong configuration", { reason: reasonOf(error) });
    process.exit(1);
  }
}

/** Takes no new connections, closes idle ones at once and busy ones when they are done. */
async function stop(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const sweep = setInterval(() => { server.closeIdleConnections(); }, 50);
  const deadline = setTimeout(() => { server.closeAllConnections(); }, GRACE_MS);
  server.closeIdleConnections();
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
}
