import { ApiError, poseUnavailable } from "./errors.js";
import type { Photo, Pose } from "./model.js";

export interface PoseClient {
  analyse(photo: Photo): Promise<Pose>;
  /** The pose service's own health answer: engine, models, GPU. */
  health(): Promise<Record<string, unknown>>;
}

export interface Timeouts {
  analyseMs: number;
  healthMs: number;
}

/** A large model on a CPU needs several seconds per photo; a health answer needs none. */
const TIMEOUTS: Timeouts = { analyseMs: 60_000, healthMs: 2_000 };

export function createPoseClient(baseUrl: string, timeouts = TIMEOUTS): PoseClient {
  return {
    async analyse({ bytes, type }) {
      const init = { method: "POST", headers: { "Content-Type": type }, body: bytes };
      return readPose(await ask(`${baseUrl}/pose`, timeouts.analyseMs, init));
    },
    health: () => ask(`${baseUrl}/health`, timeouts.healthMs),
  };
}

async function ask(url: string, timeoutMs: number, init: RequestInit = {}): Promise<Record<string, unknown>> {
  let status: number;
  let answer: unknown;
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    status = response.status;
    answer = await response.json();
  } catch (error) {
    throw poseUnavailable(error);
  }
  if (!isRecord(answer)) throw poseUnavailable(`it answered ${status} without a JSON object`);
  if (status >= 400) throw readError(status, answer);
  return answer;
}

/** An error in the shared shape is passed on as it is; any other says nothing a client could use. */
function readError(status: number, answer: Record<string, unknown>): ApiError {
  const { error } = answer;
  if (isRecord(error) && typeof error.code === "string" && typeof error.message === "string") {
    return new ApiError(status, error.code, error.message);
  }
  return poseUnavailable(`it answered ${status}`);
}

function readPose(answer: Record<string, unknown>): Pose {
  if (!isPose(answer)) throw poseUnavailable("its answer is no pose");
  const { engine, image, landmarks, angles } = answer;
  return { engine, image, landmarks, angles };
}

function isPose(answer: object): answer is Pose {
  const { engine, image, landmarks, angles } = answer as Record<string, unknown>;
  return typeof engine === "string" && isRecord(image) && Array.isArray(landmarks) && isRecord(angles);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
