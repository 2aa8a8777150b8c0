import type { Run } from "./api";

export interface Totals {
  days: number;
  runs: number;
  vertical_m: number;
}

/** The figures above the list. */
export function totalsOf(runs: readonly Run[]): Totals {
  return {
    days: new Set(runs.map((run) => run.date)).size,
    runs: runs.length,
    vertical_m: runs.reduce((sum, run) => sum + run.vertical_m, 0),
  };
}

/** The runs of each day, in the order in which they come. */
export function byDay(runs: readonly Run[]): [string, Run[]][] {
  const days = new Map<string, Run[]>();
  for (const run of runs) {
    days.set(run.date, [...(days.get(run.date) ?? []), run]);
  }
  return [...days];
}

/** A day such as `2026-01-17` in words; without a time zone, which could make it the day before. */
export function dayInWords(date: string, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" })
    .format(new Date(`${date}T00:00:00Z`));
}

/** Today where the reader is, as a date input has it. */
export function today(now = new Date()): string {
  const parts = [now.getFullYear(), now.getMonth() + 1, now.getDate()];
  return parts.map((part, index) => String(part).padStart(index === 0 ? 4 : 2, "0")).join("-");
}
