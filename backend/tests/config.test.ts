import { expect, it } from "vitest";
import { readConfig } from "../src/config.js";

it("has defaults that fit the compose network", () => {
  expect(readConfig({})).toEqual({
    port: 3001,
    poseServiceUrl: "http://pose-service:5000",
    mongodbUrl: "mongodb://mongodb:27017/snowboarding",
  });
});

it("treats an empty setting as unset", () => {
  expect(readConfig({ PORT: "", POSE_SERVICE_URL: "", MONGODB_URL: "" })).toEqual(readConfig({}));
});

it("takes a trailing slash from a URL", () => {
  expect(readConfig({ POSE_SERVICE_URL: "http://127.0.0.1:5000/" }).poseServiceUrl).toBe("http://127.0.0.1:5000");
});

it("accepts a MongoDB URL with several hosts", () => {
  const url = "mongodb://user:secret@one:27017,two:27017/snowboarding?authSource=admin";
  expect(readConfig({ MONGODB_URL: url }).mongodbUrl).toBe(url);
});

it.each([
  ["PORT", "http"],
  ["PORT", "70000"],
  ["POSE_SERVICE_URL", "pose-service:5000"],
  ["MONGODB_URL", "user:secret@mongodb"],
])("names the setting %s when it is wrong and keeps secrets out of the message", (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(name);
  expect(() => readConfig({ [name]: value })).not.toThrow("secret");
});
