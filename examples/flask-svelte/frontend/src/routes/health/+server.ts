import { env } from "$env/dynamic/public";
import { json } from "@sveltejs/kit";
import type { RequestHandler } from "./$types";

/** That the server answers, and which API its page calls. */
export const GET: RequestHandler = () => json({ status: "ok", api: env.PUBLIC_API_BASE_URL ?? null });
