import { expect, test, vi } from "vitest";
import { Api, ApiError } from "../src/lib/api";

const RUN = { id: 1, date: "2026-01-17", place: "Nevis Range", vertical_m: 640, note: "" };

function answering(status: number, body: unknown) {
  return vi.fn<typeof fetch>().mockResolvedValue(new Response(body === null ? null : JSON.stringify(body), { status }));
}

test("runs are asked for at the address it was given", async () => {
  const send = answering(200, { runs: [RUN] });
  await expect(new Api("http://api.example:5001/", send).list()).resolves.toEqual([RUN]);
  expect(send.mock.calls[0]?.[0]).toBe("http://api.example:5001/api/runs");
});

test("a new run is sent as JSON", async () => {
  const send = answering(201, RUN);
  await new Api("http://api", send).add({ date: RUN.date, place: RUN.place, vertical_m: 640, note: "" });
  const [, request] = send.mock.calls[0] ?? [];
  expect(request?.method).toBe("POST");
  expect(request?.headers).toEqual({ "Content-Type": "application/json" });
});

test("a removed run has no answer to read", async () => {
  await expect(new Api("http://api", answering(204, null)).remove(1)).resolves.toBeUndefined();
});

test("a refusal carries the API's own words and the field", async () => {
  const api = new Api("http://api", answering(400, { error: { message: "The place is missing.", field: "place" } }));
  const refused = await api.list().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ApiError);
  expect(refused).toMatchObject({ message: "The place is missing.", field: "place" });
});

test("an answer that is no JSON is told by its status", async () => {
  const send = vi.fn<typeof fetch>().mockResolvedValue(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await expect(new Api("http://api", send).list()).rejects.toThrow("status 502");
});

test("an API that does not answer is named", async () => {
  const send = vi.fn<typeof fetch>().mockRejectedValue(new TypeError("Failed to fetch"));
  await expect(new Api("http://api", send).list()).rejects.toThrow("The API at http://api does not answer.");
});
