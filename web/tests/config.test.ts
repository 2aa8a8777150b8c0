import { expect, it } from "vitest";
import { readConfig } from "../server/config.js";

it("has defaults that fit the compose network, also for empty settings", () => {
  const defaults = { port: 5173, backendUrl: "http://backend-api:3001" };
  expect(readConfig({})).toEqual(defaults);
  expect(readConfig({ PORT: "", BACKEND_URL: "" })).toEqual(defaults);
});

it.each([
  ["PORT", "http"],
  ["BACKEND_URL", "backend-api:3001"],
])("names the setting %s when it is wrong", (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(name);
});
