export interface Joint {
  /** "Knee" of left_knee and right_knee. */
  name: string;
  left?: number;
  right?: number;
  /** An angle without a side, such as the trunk's. */
  middle?: number;
}

/** One row per joint, in the order in which the joints first appear. */
export function groupAngles(angles: Record<string, number | null>): Joint[] {
  const joints = new Map<string, Joint>();
  for (const [key, degrees] of Object.entries(angles)) {
    if (degrees === null) continue;
    // left_knee -> left, knee; trunk_lean -> no side
    const [, side = "middle", joint = key] = /^(left|right)_(.+)$/.exec(key) ?? [];
    const name = toTitle(joint);
    joints.set(name, { ...joints.get(name), name, [side]: degrees });
  }
  return [...joints.values()];
}

function toTitle(key: string): string {
  const words = key.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
