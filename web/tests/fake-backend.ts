import { vi } from "vitest";
import type { Analysis, Health } from "../src/api";

export const HEALTHY: Health = {
  status: "ok",
  dependencies: {
    "pose-service": { status: "ok", engine: "mediapipe", gpu: { available: false, name: null } },
    mongodb: { status: "ok" },
  },
};

export function analysisNamed(filename: string): Analysis {
  return {
    id: `id-of-${filename}`,
    createdAt: "2026-01-15T10:00:00.000Z",
    filename,
    engine: "mediapipe",
    image: { width: 640, height: 480 },
    landmarks: Array.from({ length: 33 }, (_, index) => {
      const name = index === 25 ? "left_knee" : index === 26 ? "right_knee" : `point_${index}`;
      return { name, x: index / 33, y: 0.5, z: 0, visibility: index === 26 ? 0.2 : 0.9 };
    }),
    angles: { left_knee: 121.4, right_knee: 98.6, left_ankle: null, trunk_lean: 12 },
  };
}

export const refusal = (status: number, code: string, message: string) =>
  Response.json({ error: { code, message } }, { status });

/** A backend behind the page's own fetch: analyses in memory, and any route replaced by a test. */
export class FakeBackend {
  analyses: Analysis[] = [];
  /** "POST /api/analyses" -> what it answers instead. */
  overrides = new Map<string, () => Response | Promise<Response>>();
  requests: string[] = [];

  install() {
    vi.stubGlobal("fetch", (url: string, init?: RequestInit) => this.#answer(url, init));
    // jsdom has no object URLs.
    Object.assign(URL, { createObjectURL: () => "blob:photo", revokeObjectURL: () => undefined });
    return this;
  }

  async #answer(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname, searchParams } = new URL(url, "http://page.test");
    const request = `${init.method ?? "GET"} ${pathname}`;
    this.requests.push(request);
    const override = this.overrides.get(request);
    if (override !== undefined) return override();
    switch (request) {
      case "GET /health":
        return Response.json(HEALTHY);
      case "POST /api/analyses":
        return this.#create(init.body as FormData);
      case "GET /api/analyses":
        return this.#list(searchParams.get("before"));
      default:
        return this.#one(request);
    }
  }

  #create(form: FormData) {
    const created = analysisNamed((form.get("image") as File).name);
    this.analyses.unshift(created);
    return Response.json(created, { status: 201 });
  }

  /** Pages of two; `before` is the index to go on from. */
  #list(before: string | null) {
    const start = Number(before ?? 0);
    const items = this.analyses.slice(start, start + 2);
    return Response.json({ items, next: this.analyses.length > start + 2 ? String(start + 2) : null });
  }

  #one(request: string) {
    const [method, path = ""] = request.split(" ");
    const found = this.analyses.find(({ id }) => path === `/api/analyses/${id}`);
    if (found === undefined) return refusal(404, "not_found", "This analysis does not exist.");
    if (method !== "DELETE") return Response.json(found);
    this.analyses = this.analyses.filter((analysis) => analysis !== found);
    return new Response(null, { status: 204 });
  }
}
