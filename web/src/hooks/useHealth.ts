import { useEffect, useState } from "react";
import { getHealth, type Health } from "../api";

const EVERY_MS = 10_000;

export type HealthState = Health | "asking" | "unreachable";

/** The services' state, asked again while the page is being looked at. */
export function useHealth(): HealthState {
  const [health, setHealth] = useState<HealthState>("asking");

  useEffect(() => {
    let current = true;
    const ask = () => {
      if (document.hidden) return;
      getHealth().then(
        (answer) => current && setHealth(answer),
        () => current && setHealth("unreachable"),
      );
    };
    ask();
    const timer = setInterval(ask, EVERY_MS);
    document.addEventListener("visibilitychange", ask);
    return () => {
      current = false;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", ask);
    };
  }, []);

  return health;
}
