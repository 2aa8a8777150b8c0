// @vitest-environment jsdom
import { createEvent, fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { App } from "../src/App";
import { analysisNamed, FakeBackend, HEALTHY, refusal } from "./fake-backend";

const PHOTO = new File(["photo"], "carve.jpg", { type: "image/jpeg" });
const UPLOAD = "POST /api/analyses";

let backend: FakeBackend;
const user = userEvent.setup();

beforeEach(() => {
  backend = new FakeBackend().install();
});

const upload = (photo: File) => user.upload(screen.getByTestId("upload"), photo);
const alert = async () => (await screen.findByRole("alert")).textContent;

describe("uploading", () => {
  it("draws 33 landmarks over the photo and lists the angles by side", async () => {
    render(<App />);
    await upload(PHOTO);
    const skeleton = await screen.findByTestId("skeleton");
    expect(skeleton.dataset.landmarks).toBe("33");
    expect(skeleton.querySelectorAll("circle")).toHaveLength(33);
    expect(skeleton.querySelectorAll(".bone")).toHaveLength(35);
    expect(skeleton.getAttribute("viewBox")).toBe("0 0 640 480");
    expect(screen.getByRole("img", { name: "Rider in carve.jpg" }).getAttribute("src")).toBe(
      "/api/analyses/id-of-carve.jpg/image",
    );
    const knee = screen.getByRole("row", { name: /Knee/ });
    expect(within(knee).getAllByRole("cell").map(({ textContent }) => textContent)).toEqual(["121°", "99°"]);
    expect(screen.getByRole("row", { name: /Trunk lean/ }).textContent).toContain("12°");
  });

  it("draws points the model is unsure of faintly", async () => {
    render(<App />);
    await upload(PHOTO);
    const points = (await screen.findByTestId("skeleton")).querySelectorAll("circle");
    expect(points[25]?.getAttribute("class")).toBe("point left");
    expect(points[26]?.getAttribute("class")).toBe("point right faint");
  });

  it("says that it is working until the answer is there", async () => {
    let answer: (response: Response) => void = () => undefined;
    backend.overrides.set(UPLOAD, () => new Promise((resolve) => (answer = resolve)));
    render(<App />);
    await upload(PHOTO);
    expect((await screen.findByRole("status")).textContent).toBe("Analysing carve.jpg…");
    expect(screen.getByTestId<HTMLInputElement>("upload").disabled).toBe(true);
    answer(Response.json(analysisNamed("carve.jpg"), { status: 201 }));
    await screen.findByTestId("skeleton");
    expect(screen.queryByRole("status")).toBeNull();
  });

  it("takes a photo that is dropped", async () => {
    render(<App />);
    const stage = screen.getByRole("region", { name: "Photo" });
    const drop = createEvent.drop(stage);
    Object.defineProperty(drop, "dataTransfer", { value: { files: [PHOTO] } });
    fireEvent(stage, drop);
    await screen.findByTestId("skeleton");
  });

  it("adds the photo to the history", async () => {
    render(<App />);
    await upload(PHOTO);
    expect((await screen.findByTestId("history-item")).textContent).toContain("carve.jpg");
  });
});

describe("a failed upload", () => {
  it.each([
    [422, "no_person", "Nobody found in this photo"],
    [422, "damaged_image", "This photo is damaged"],
    [413, "too_many_pixels", "This photo has too many pixels"],
    [502, "pose_unavailable", "The analysis is not available right now"],
    [503, "store_unavailable", "The database is not available right now"],
    [400, "something_new", "That did not work"],
  ])("explains %i %s and shows the server's words", async (status, code, title) => {
    backend.overrides.set(UPLOAD, () => refusal(status, code, "In the server's words."));
    render(<App />);
    await upload(PHOTO);
    expect(await alert()).toContain(`${title}In the server's words.`);
    expect(screen.queryByTestId("skeleton")).toBeNull();
  });

  it("says so when nothing answers", async () => {
    backend.overrides.set(UPLOAD, () => Promise.reject(new TypeError("fetch failed")));
    render(<App />);
    await upload(PHOTO);
    expect(await alert()).toContain("The server cannot be reached");
  });

  it("copes with an answer that is no JSON", async () => {
    backend.overrides.set(UPLOAD, () => new Response("<html>", { status: 504 }));
    render(<App />);
    await upload(PHOTO);
    expect(await alert()).toContain("status 504");
  });

  it("refuses a large photo before it travels", async () => {
    render(<App />);
    await upload(new File([new Uint8Array(10 * 1024 * 1024 + 1)], "huge.jpg", { type: "image/jpeg" }));
    expect(await alert()).toContain("larger than 10 MiB");
    expect(backend.requests).not.toContain(UPLOAD);
  });

  it("refuses a dropped file that is no photo", async () => {
    render(<App />);
    const stage = screen.getByRole("region", { name: "Photo" });
    const drop = createEvent.drop(stage);
    Object.defineProperty(drop, "dataTransfer", { value: { files: [new File([""], "plan.pdf", { type: "application/pdf" })] } });
    fireEvent(stage, drop);
    expect(await alert()).toContain("plan.pdf is not a JPEG, PNG or WebP photo.");
  });

  it("can be dismissed", async () => {
    backend.overrides.set(UPLOAD, () => refusal(422, "no_person", "Nobody."));
    render(<App />);
    await upload(PHOTO);
    await user.click(await screen.findByRole("button", { name: "Dismiss" }));
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("the history", () => {
  it("says that it is empty", async () => {
    render(<App />);
    await screen.findByText(/your first photo will appear here/);
  });

  it("can be asked for again when it did not come", async () => {
    backend.analyses = [analysisNamed("jump.jpg")];
    backend.overrides.set("GET /api/analyses", () => refusal(503, "store_unavailable", "Late."));
    render(<App />);
    expect(await alert()).toContain("The database is not available right now");
    expect(screen.queryByText(/your first photo/)).toBeNull();
    backend.overrides.clear();
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findAllByTestId("history-item")).toHaveLength(1);
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("keeps a photo that was analysed before the list arrived", async () => {
    let arrive: () => void = () => undefined;
    backend.overrides.set("GET /api/analyses", async () => {
      await new Promise<void>((resolve) => (arrive = resolve));
      return Response.json({ items: [analysisNamed("old.jpg")], next: null });
    });
    render(<App />);
    await upload(PHOTO);
    await screen.findByTestId("skeleton");
    arrive();
    await screen.findByText("old.jpg");
    const names = screen.getAllByTestId("history-item").map(({ textContent }) => textContent);
    expect(names).toEqual([expect.stringContaining("carve.jpg"), expect.stringContaining("old.jpg")]);
  });

  it("opens an earlier analysis", async () => {
    backend.analyses = [analysisNamed("jump.jpg")];
    render(<App />);
    await user.click(await screen.findByRole("button", { name: /^jump.jpg/ }));
    expect((await screen.findByTestId("skeleton")).dataset.landmarks).toBe("33");
    expect(screen.getByRole("button", { name: /^jump.jpg/ }).getAttribute("aria-current")).toBe("true");
  });

  it("shows more on request", async () => {
    backend.analyses = ["a.jpg", "b.jpg", "c.jpg"].map(analysisNamed);
    render(<App />);
    await user.click(await screen.findByRole("button", { name: "Show more" }));
    await screen.findByText("c.jpg");
    expect(screen.getAllByTestId("history-item")).toHaveLength(3);
    expect(screen.queryByRole("button", { name: "Show more" })).toBeNull();
  });

  it("deletes after asking once, and closes what is shown", async () => {
    backend.analyses = [analysisNamed("jump.jpg")];
    render(<App />);
    await user.click(await screen.findByRole("button", { name: /^jump.jpg/ }));
    await screen.findByTestId("skeleton");
    await user.click(screen.getByRole("button", { name: "Delete jump.jpg" }));
    expect(screen.getAllByTestId("history-item")).toHaveLength(1);
    await user.click(screen.getByRole("button", { name: "Really delete jump.jpg" }));
    await screen.findByText(/your first photo will appear here/);
    expect(screen.queryByTestId("skeleton")).toBeNull();
  });

  it("takes the question back when attention moves on", async () => {
    backend.analyses = [analysisNamed("jump.jpg")];
    render(<App />);
    await user.click(await screen.findByRole("button", { name: "Delete jump.jpg" }));
    await user.tab();
    expect(screen.queryByRole("button", { name: /Really/ })).toBeNull();
  });

  it("drops an entry that somebody else deleted, without complaint", async () => {
    backend.analyses = [analysisNamed("jump.jpg")];
    render(<App />);
    await user.click(await screen.findByRole("button", { name: "Delete jump.jpg" }));
    backend.analyses = [];
    await user.click(screen.getByRole("button", { name: "Really delete jump.jpg" }));
    await screen.findByText(/your first photo will appear here/);
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("the status line", () => {
  const status = () => screen.findByTestId("status");

  it("names engine and device", async () => {
    render(<App />);
    await screen.findByText("Pose service: mediapipe on CPU");
    expect((await status()).textContent).toContain("Database: ready");
  });

  it("says what is wrong when the backend is degraded", async () => {
    const dependencies = { ...HEALTHY.dependencies, mongodb: { status: "unavailable", error: "connect ECONNREFUSED" } };
    backend.overrides.set("GET /health", () => Response.json({ status: "degraded", dependencies }, { status: 503 }));
    render(<App />);
    const light = await screen.findByText("Database: connect ECONNREFUSED");
    expect(light.className).toBe("bad");
  });

  it("says when the server cannot be reached", async () => {
    backend.overrides.set("GET /health", () => refusal(502, "backend_unavailable", "Gone."));
    render(<App />);
    await screen.findByText("Server: cannot be reached");
  });
});
