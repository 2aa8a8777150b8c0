import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { createApp } from "./app.js";
import { type Config, readConfig } from "./config.js";
import { logLine, reasonOf } from "./log.js";

/** Docker kills ten seconds after SIGTERM: requests under way get most of that time. */
const GRACE_MS = 8_000;

const log = (line: string) => process.stdout.write(`${line}\n`);
const { port, backendUrl } = readConfigOrExit();
const root = fileURLToPath(new URL("../client", import.meta.url));
const server = createServer(createApp({ root, backendUrl, log }));

server.listen(port, () => log(logLine("info", "listening", { port, backend: backendUrl })));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    log(logLine("info", "stopping", { signal }));
    stop();
  });
}

function readConfigOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    log(logLine("error", "wrong configuration", { reason: reasonOf(error) }));
    process.exit(1);
  }
}

/** Takes no new connections, closes idle ones at once and busy ones when they are done. */
function stop() {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setInterval(() => server.closeIdleConnections(), 50);
  setTimeout(() => server.closeAllConnections(), GRACE_MS);
}
