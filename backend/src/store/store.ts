import type { Analysis, AnalysisSummary, Photo } from "../model.js";

export interface Page {
  limit: number;
  /** Only analyses made earlier than this. */
  before?: Date;
}

/** Where analyses and their photos are kept. Every method throws `store_unavailable` while it cannot be reached. */
export interface Store {
  save(analysis: Analysis, photo: Photo): Promise<void>;
  /** Newest first. */
  list(page: Page): Promise<AnalysisSummary[]>;
  find(id: string): Promise<Analysis | null>;
  findPhoto(id: string): Promise<Photo | null>;
  /** False when there was nothing to remove. */
  remove(id: string): Promise<boolean>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
