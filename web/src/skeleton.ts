import type { Landmark } from "./api";

/** Pairs of indices into the 33 landmarks, the usual drawing of the body (nose 0 to right foot 32). */
export const CONNECTIONS: readonly (readonly [number, number])[] = [
  // face: nose to ears over the eyes, mouth
  [0, 1], [1, 2], [2, 3], [3, 7],
  [0, 4], [4, 5], [5, 6], [6, 8],
  [9, 10],
  // trunk
  [11, 12], [11, 23], [12, 24], [23, 24],
  // left arm and hand, right arm and hand
  [11, 13], [13, 15], [15, 17], [15, 19], [15, 21], [17, 19],
  [12, 14], [14, 16], [16, 18], [16, 20], [16, 22], [18, 20],
  // left leg and foot, right leg and foot
  [23, 25], [25, 27], [27, 29], [27, 31], [29, 31],
  [24, 26], [26, 28], [28, 30], [28, 32], [30, 32],
];

/** Below this the model guesses: the point is behind the body or outside the photo. */
const VISIBLE_FROM = 0.5;

export const isFaint = (...points: Landmark[]) => points.some(({ visibility }) => visibility < VISIBLE_FROM);

export type Side = "left" | "right" | "middle";

/** The side of a name such as left_knee or mouth_right. */
export function sideOf({ name }: Pick<Landmark, "name">): Side {
  const words = name.split("_");
  if (words.includes("left")) return "left";
  return words.includes("right") ? "right" : "middle";
}
