/** An answer the client can act on; everything else that is thrown is a bug and becomes a 500. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  body() {
    return { error: { code: this.code, message: this.message } };
  }
}

export const notFound = (what: string) => new ApiError(404, "not_found", `${what} does not exist.`);

export const badRequest = (message: string) => new ApiError(400, "bad_request", message);

export const storeUnavailable = (cause: unknown) =>
  new ApiError(503, "store_unavailable", `The database is unavailable: ${reasonOf(cause)}`, { cause });

export const poseUnavailable = (cause: unknown) =>
  new ApiError(502, "pose_unavailable", `The pose service is unavailable: ${reasonOf(cause)}`, { cause });

/** The innermost message: fetch says only "fetch failed" and keeps "connect ECONNREFUSED" in its cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "it did not answer in time";
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const code = "code" in error ? String(error.code) : error.name;
  return error.message || code;
}
