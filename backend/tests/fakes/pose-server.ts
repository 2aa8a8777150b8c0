import type { IncomingMessage, ServerResponse } from "node:http";
import { listen, type Listening } from "./listen.js";

export const HEALTH = {
  status: "ok",
  engine: "mediapipe",
  models: [{ name: "pose_landmark_full", loaded: true }],
  gpu: { available: false, name: null },
};

export const POSE = {
  engine: "mediapipe",
  image: { width: 640, height: 480 },
  landmarks: Array.from({ length: 33 }, (_, index) => ({ name: `point_${index}`, x: 0.5, y: 0.5, z: 0, visibility: 0.9 })),
  angles: { left_knee: 121.5, right_knee: 98.25 },
};

export interface PoseServer extends Listening {
  /** What /pose answers next: a status and a body; "silent" never answers. */
  answer: { status: number; body: unknown } | "silent";
  /** The last photo that /pose received. */
  received?: { type: string | undefined; bytes: Buffer };
}

/** A pose service on a free port that says what a test tells it to say. */
export async function startPoseServer(): Promise<PoseServer> {
  const listening = await listen((request, response) => {
    void handle(server, request, response);
  });
  const server: PoseServer = { ...listening, answer: { status: 200, body: { ...POSE, duration_ms: 12 } } };
  return server;
}

async function handle(server: PoseServer, request: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.url === "/health") {
    reply(response, 200, HEALTH);
    return;
  }
  server.received = { type: request.headers["content-type"], bytes: Buffer.concat(chunks) };
  if (server.answer !== "silent") reply(response, server.answer.status, server.answer.body);
}

function reply(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}
