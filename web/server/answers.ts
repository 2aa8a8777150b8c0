import type { ServerResponse } from "node:http";

export function answerJson(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(body));
}

/** The error shape of the whole application. */
export function answerError(response: ServerResponse, status: number, code: string, message: string) {
  answerJson(response, status, { error: { code, message } });
}
