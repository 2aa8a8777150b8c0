/** What the backend keeps of one run. */
export interface Run {
  id: number;
  date: string;
  place: string;
  vertical_m: number;
  note: string;
}

export type NewRun = Omit<Run, "id">;

/** What the API refused, or why it could not be asked; `field` is the input that is to blame, where it says one. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

/** The backend's API, called from the browser. */
export class Api {
  readonly base: string;

  /**
   * @param base - address of the backend, such as http://localhost:5001; a slash at its end does not matter
   * @param send - the fetch to use
   */
  constructor(
    base: string,
    private readonly send: typeof fetch = (...words) => fetch(...words),
  ) {
    this.base = base.replace(/\/+$/, "");
  }

  async list(): Promise<Run[]> {
    const { runs } = (await this.ask("GET", "/api/runs")) as { runs: Run[] };
    return runs;
  }

  async add(run: NewRun): Promise<Run> {
    return (await this.ask("POST", "/api/runs", run)) as Run;
  }

  async remove(id: number): Promise<void> {
    await this.ask("DELETE", `/api/runs/${id}`);
  }

  private async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    let answer: Response;
    try {
      answer = await this.send(`${this.base}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
      });
    } catch {
      throw new ApiError(`The API at ${this.base} does not answer.`);
    }
    if (answer.ok) {
      return answer.status === 204 ? undefined : await answer.json();
    }
    const told = (await answer.json().catch(() => null)) as { error?: { message?: string; field?: string } } | null;
    throw new ApiError(
      told?.error?.message ?? `The API answered with status ${answer.status}.`,
      told?.error?.field ?? null,
    );
  }
}
