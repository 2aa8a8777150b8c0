import type { Dependency } from "../api";
import { type HealthState, useHealth } from "../hooks/useHealth";

const NAMES: Record<string, string> = { "pose-service": "Pose service", mongodb: "Database" };

interface Light {
  name: string;
  state: "good" | "bad" | "unknown";
  detail: string;
}

/** One light per service. The words carry the state too, the colour is for a quick look. */
export function StatusLine() {
  return (
    <ul className="status" aria-label="Services" data-testid="status">
      {toLights(useHealth()).map(({ name, state, detail }) => (
        <li key={name} className={state}>
          {name}: {detail}
        </li>
      ))}
    </ul>
  );
}

function toLights(health: HealthState): Light[] {
  if (health === "asking") return [{ name: "Services", state: "unknown", detail: "asking…" }];
  if (health === "unreachable") return [{ name: "Server", state: "bad", detail: "cannot be reached" }];
  return Object.entries(health.dependencies).map(([key, dependency]) => ({
    name: NAMES[key] ?? key,
    state: dependency.status === "ok" ? "good" : "bad",
    detail: dependency.status === "ok" ? describe(dependency) : (dependency.error ?? dependency.status),
  }));
}

function describe({ engine, gpu }: Dependency): string {
  if (engine === undefined) return "ready";
  return `${engine} on ${gpu?.available ? (gpu.name ?? "GPU") : "CPU"}`;
}
