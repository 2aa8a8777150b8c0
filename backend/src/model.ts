/** What the API stores and answers. Dates become ISO text in JSON. */

export interface Landmark {
  name: string;
  /** Share of the photo's width and height, 0 at the top left. */
  x: number;
  y: number;
  /** Depth relative to the hips, in the unit of x. */
  z: number;
  visibility: number;
}

export interface Pose {
  engine: string;
  image: { width: number; height: number };
  landmarks: Landmark[];
  /** Joint name to degrees. */
  /** Degrees; null where the joint is not visible enough to be measured. */
  angles: Record<string, number | null>;
}

export interface Analysis extends Pose {
  id: string;
  createdAt: Date;
  filename: string;
}

export type AnalysisSummary = Omit<Analysis, "landmarks">;

export interface Photo {
  bytes: Buffer;
  type: PhotoType;
}

export type PhotoType = "image/jpeg" | "image/png" | "image/webp";
