import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { Api } from "../src/lib/api";
import SeasonLog from "../src/lib/SeasonLog.svelte";

interface Asked {
  url: string;
  method: string;
  body: unknown;
}

const RUN = { id: 1, date: "2026-01-17", place: "Nevis Range", vertical_m: 640, note: "Windy" };

/** An API that answers from a table of `METHOD /path`, and notes what it was asked. */
function fakeApi(answers: Record<string, [number, unknown]>): { api: Api; asked: Asked[] } {
  const asked: Asked[] = [];
  const api = new Api("http://api", (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    const method = init?.method ?? "GET";
    asked.push({ url, method, body: typeof init?.body === "string" ? JSON.parse(init.body) : undefined });
    const [status, body] = answers[`${method} ${new URL(url).pathname}`] ?? [404, null];
    return Promise.resolve(new Response(body === null ? null : JSON.stringify(body), { status }));
  });
  return { api, asked };
}

test("the runs of the API are listed with their totals", async () => {
  render(SeasonLog, { api: fakeApi({ "GET /api/runs": [200, { runs: [RUN, { ...RUN, id: 2, place: "Glencoe" }] }] }).api });
  expect((await screen.findAllByTestId("run")).map((item) => item.querySelector(".place")?.textContent)).toEqual([
    "Nevis Range",
    "Glencoe",
  ]);
  expect(screen.getByTestId("vertical").textContent).toBe("1,280");
  expect(screen.getByTestId("days").textContent).toBe("1");
});

test("a filled form is sent, shown and emptied", async () => {
  const { api, asked } = fakeApi({ "GET /api/runs": [200, { runs: [] }], "POST /api/runs": [201, RUN] });
  render(SeasonLog, { api });
  await screen.findByText(/No runs yet/);
  await userEvent.type(screen.getByLabelText("Place"), " Nevis Range ");
  await userEvent.type(screen.getByLabelText("Metres down"), "640");
  await userEvent.click(screen.getByRole("button", { name: "Add run" }));
  expect((await screen.findByTestId("run")).textContent).toContain("Windy");
  expect(asked[1]).toMatchObject({ method: "POST", body: { place: "Nevis Range", vertical_m: 640, note: "" } });
  expect(screen.getByLabelText<HTMLInputElement>("Place").value).toBe("");
});

test("a refused run is explained and stays in the form", async () => {
  const refusal = { error: { message: "The day lies in the future.", field: "date" } };
  const { api } = fakeApi({ "GET /api/runs": [200, { runs: [] }], "POST /api/runs": [400, refusal] });
  render(SeasonLog, { api });
  await userEvent.type(screen.getByLabelText("Place"), "Nevis Range");
  await userEvent.type(screen.getByLabelText("Metres down"), "640");
  await userEvent.click(screen.getByRole("button", { name: "Add run" }));
  expect((await screen.findByRole("alert")).textContent).toBe("The day lies in the future.");
  expect(screen.getByLabelText("Day").getAttribute("aria-invalid")).toBe("true");
  expect(screen.getByLabelText<HTMLInputElement>("Place").value).toBe("Nevis Range");
});

test("a run is removed", async () => {
  const { api, asked } = fakeApi({ "GET /api/runs": [200, { runs: [RUN] }], "DELETE /api/runs/1": [204, null] });
  render(SeasonLog, { api });
  await userEvent.click(await screen.findByRole("button", { name: "Remove Nevis Range" }));
  expect(await screen.findByText(/No runs yet/)).toBeTruthy();
  expect(asked[1]?.method).toBe("DELETE");
});

test("an API that fails is told, and asked again on request", async () => {
  const answers: Record<string, [number, unknown]> = { "GET /api/runs": [500, { error: { message: "Out of disk." } }] };
  render(SeasonLog, { api: fakeApi(answers).api });
  expect((await screen.findByRole("alert")).textContent).toContain("Out of disk.");
  answers["GET /api/runs"] = [200, { runs: [RUN] }];
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByTestId("run")).toBeTruthy();
});
