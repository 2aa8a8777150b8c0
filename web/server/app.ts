import type { RequestListener, ServerResponse } from "node:http";
import sirv from "sirv";
import { answerError } from "./answers.js";
import { createBackendRoutes } from "./backend-routes.js";
import type { Log } from "./log.js";

export interface AppOptions {
  /** The folder that `vite build` wrote. */
  root: string;
  backendUrl: string;
  log: Log;
}

/** The page may talk to its own origin only; photos are shown from memory before they are uploaded. */
const SECURITY_HEADERS = {
  "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

export function createApp({ root, backendUrl, log }: AppOptions): RequestListener {
  const backendRoutes = createBackendRoutes(backendUrl, log);
  const files = sirv(root, { etag: true, setHeaders });

  return (request, response) => {
    backendRoutes(request, response, () => {
      const notFound = () => answerError(response, 404, "not_found", "There is nothing at this address.");
      if (request.method === "GET" || request.method === "HEAD") files(request, response, notFound);
      else notFound();
    });
  };
}

/** Vite puts a content hash into the names below /assets; everything else may change with the next release. */
function setHeaders(response: ServerResponse, pathname: string) {
  const cache = pathname.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
  response.setHeader("Cache-Control", cache);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
}
