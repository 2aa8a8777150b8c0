export type Log = (line: string) => void;

export function logLine(level: "info" | "warn" | "error", message: string, fields: object): string {
  return JSON.stringify({ time: new Date().toISOString(), level, message, ...fields });
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A name with several addresses fails with an AggregateError, whose message is empty.
  return error.message || ("code" in error ? String(error.code) : error.name);
}
