import { expect, test } from "vitest";
import { byDay, dayInWords, today, totalsOf } from "../src/lib/season";

const run = (id: number, date: string, vertical_m: number) => ({ id, date, place: "Cairn Gorm", vertical_m, note: "" });

test("two runs of one day are one day", () => {
  expect(totalsOf([run(2, "2026-01-17", 500), run(1, "2026-01-17", 250)])).toEqual({ days: 1, runs: 2, vertical_m: 750 });
});

test("a season without runs has zeros", () => {
  expect(totalsOf([])).toEqual({ days: 0, runs: 0, vertical_m: 0 });
});

test("runs are grouped by day in the order they come in", () => {
  const [late, early, middle] = [run(3, "2026-02-01", 1), run(1, "2026-01-17", 1), run(2, "2026-01-17", 1)];
  expect(byDay([late, middle, early])).toEqual([
    ["2026-02-01", [late]],
    ["2026-01-17", [middle, early]],
  ]);
});

test("a day stays the day it is, in every time zone", () => {
  expect(dayInWords("2026-01-17", "en-GB")).toMatch(/^Saturday,? 17 January 2026$/);
});

test("today is the reader's day, not that of UTC", () => {
  expect(today(new Date(2026, 0, 5, 0, 30))).toBe("2026-01-05");
});
