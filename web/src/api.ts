/** The backend's HTTP interface, seen from the page. */

export interface Landmark {
  name: string;
  /** Share of the photo's width and height, 0 at the top left. */
  x: number;
  y: number;
  z: number;
  visibility: number;
}

export interface AnalysisSummary {
  id: string;
  createdAt: string;
  filename: string;
  engine: string;
  image: { width: number; height: number };
  /** Joint name to degrees. */
  /** Degrees; null where the joint is not visible enough to be measured. */
  angles: Record<string, number | null>;
}

export interface Analysis extends AnalysisSummary {
  landmarks: Landmark[];
}

export interface AnalysisPage {
  items: AnalysisSummary[];
  /** Ask for analyses before this instant to go on; null at the end. */
  next: string | null;
}

export interface Health {
  status: "ok" | "degraded";
  dependencies: Record<string, Dependency>;
}

export interface Dependency {
  status: string;
  error?: string;
  engine?: string;
  gpu?: { available: boolean; name: string | null };
}

/** A refusal in the backend's own words, or `unreachable` when there was no usable answer at all. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export const MAX_PHOTO_BYTES = 10 * 1024 * 1024;
export const PHOTO_TYPES = ["image/jpeg", "image/png", "image/webp"];

export async function createAnalysis(photo: File): Promise<Analysis> {
  // Said here, before megabytes travel, in the backend's own terms.
  if (photo.size > MAX_PHOTO_BYTES) throw new ApiFailure("too_large", "The photo is larger than 10 MiB.");
  const body = new FormData();
  body.append("image", photo);
  return (await call("/api/analyses", { method: "POST", body })) as Analysis;
}

export async function listAnalyses(before?: string): Promise<AnalysisPage> {
  const query = before === undefined ? "" : `&before=${encodeURIComponent(before)}`;
  return (await call(`/api/analyses?limit=12${query}`)) as AnalysisPage;
}

export async function getAnalysis(id: string): Promise<Analysis> {
  return (await call(analysisUrl(id))) as Analysis;
}

export async function deleteAnalysis(id: string): Promise<void> {
  await call(analysisUrl(id), { method: "DELETE" });
}

export const photoUrl = (id: string) => `${analysisUrl(id)}/image`;

/** A degraded answer is an answer: it carries what works and what does not. */
export async function getHealth(): Promise<Health> {
  const response = await send("/health");
  const body = await readJson(response);
  if (typeof body === "object" && body !== null && "dependencies" in body) return body as Health;
  throw toFailure(response, body);
}

const analysisUrl = (id: string) => `/api/analyses/${encodeURIComponent(id)}`;

async function call(url: string, init?: RequestInit): Promise<unknown> {
  const response = await send(url, init);
  if (response.status === 204) return undefined;
  const body = await readJson(response);
  if (!response.ok || body === undefined) throw toFailure(response, body);
  return body;
}

async function send(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch {
    throw new ApiFailure("unreachable", "No answer from the server. Check the connection and try again.");
  }
}

/** Undefined for a body that is no JSON, such as the page of a gateway in between. */
async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

function toFailure(response: Response, body: unknown): ApiFailure {
  const { error } = (body ?? {}) as { error?: { code?: unknown; message?: unknown } };
  if (typeof error?.code === "string" && typeof error.message === "string") {
    return new ApiFailure(error.code, error.message);
  }
  return new ApiFailure("unreachable", `The server answered with status ${response.status} and no explanation.`);
}
