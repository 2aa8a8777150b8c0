import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { ApiError, badRequest, notFound } from "./errors.js";
import type { Logger } from "./log.js";
import { analysesRoutes, type AnalysesDependencies } from "./routes/analyses.js";
import { healthRoutes } from "./routes/health.js";

export interface Dependencies extends AnalysesDependencies {
  log: Logger;
}

export function createApp({ log, ...dependencies }: Dependencies): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(logRequests(log));
  app.use(forbidSniffing);
  app.use(healthRoutes(dependencies));
  app.use("/api/analyses", analysesRoutes(dependencies));
  app.use((request) => {
    throw notFound(`${request.method} ${request.path}`);
  });
  app.use(answerErrors(log));
  return app;
}

/** Probes come every few seconds and would bury the requests that matter. */
const PROBES = new Set(["/livez", "/health"]);

function logRequests(log: Logger): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    const { method, path } = request;
    response.on("close", () => {
      if (PROBES.has(path)) return;
      const duration_ms = Math.round(performance.now() - started);
      log.info("request", { method, path, status: response.statusCode, duration_ms });
    });
    next();
  };
}

const forbidSniffing: RequestHandler = (_request, response, next) => {
  response.set("X-Content-Type-Options", "nosniff");
  next();
};

function answerErrors(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const answer = toApiError(error);
    if (!(error instanceof ApiError) && answer.status === 500) {
      log.error("unexpected failure", { method: request.method, path: request.path, stack: stackOf(error) });
    } else if (answer.status >= 500) {
      log.warn("dependency unavailable", { code: answer.code, reason: answer.message });
    }
    if (response.headersSent) {
      next(error);
      return;
    }
    response.status(answer.status).json(answer.body());
  };
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  // The router cannot decode a path such as /api/analyses/%ZZ: nothing has that name.
  if (error instanceof URIError) return notFound("This path");
  if (isClientError(error)) return badRequest(error.message);
  return new ApiError(500, "internal_error", "Something went wrong on our side.");
}

function isClientError(error: unknown): error is Error {
  return error instanceof Error && "status" in error && Number(error.status) >= 400 && Number(error.status) < 500;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
