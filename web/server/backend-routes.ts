import type { IncomingMessage, ServerResponse } from "node:http";
import { createProxyServer } from "httpxy";
import { answerError, answerJson } from "./answers.js";
import { type Log, logLine, reasonOf } from "./log.js";

export type Handler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

// "/api", "/api/analyses", "/health?x" and not "/apis" or "/healthy"
const BACKEND_PATH = /^\/(api|health)(?=[/?]|$)/;
const LIVENESS_PATH = /^\/livez(?=\?|$)/;

/** Forwards what belongs to the backend, so that the browser talks to one origin; answers /livez for itself. */
export function createBackendRoutes(backendUrl: string, log: Log): Handler {
  // A connection kept for later may be closed by a backend that restarts: an upload sent on it would be lost.
  const proxy = createProxyServer({ target: backendUrl, xfwd: true, agent: false });

  return (request, response, next) => {
    const url = request.url ?? "/";
    if (LIVENESS_PATH.test(url)) {
      answerJson(response, 200, { status: "ok" });
    } else if (BACKEND_PATH.test(url)) {
      proxy.web(request, response).catch((error: unknown) => {
        log(logLine("warn", "backend unavailable", { path: url, reason: reasonOf(error) }));
        answerUnavailable(response);
        // The rest of an upload nobody reads would hold the connection, and with it the end of this process.
        request.unpipe().resume();
      });
    } else {
      next();
    }
  };
}

function answerUnavailable(response: ServerResponse) {
  if (response.headersSent) {
    // Half an answer is out: only a broken connection tells the browser that the rest is missing.
    response.destroy();
  } else {
    answerError(response, 502, "backend_unavailable", "The backend cannot be reached. Try again in a moment.");
  }
}
