import { storeUnavailable } from "../../src/errors.js";
import type { Analysis, Photo } from "../../src/model.js";
import type { Page, Store } from "../../src/store/store.js";

/** The Store contract over two maps; `down` makes every call fail as MongoDB's absence does. */
export class MemoryStore implements Store {
  down = false;
  #analyses = new Map<string, Analysis>();
  #photos = new Map<string, Photo>();

  save(analysis: Analysis, photo: Photo) {
    return this.#answer(() => {
      this.#photos.set(analysis.id, photo);
      this.#analyses.set(analysis.id, analysis);
    });
  }

  list({ limit, before }: Page) {
    return this.#answer(() =>
      [...this.#analyses.values()]
        .filter(({ createdAt }) => before === undefined || createdAt < before)
        .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())
        .slice(0, limit)
        .map(({ landmarks, ...summary }) => summary),
    );
  }

  find(id: string) {
    return this.#answer(() => this.#analyses.get(id) ?? null);
  }

  findPhoto(id: string) {
    return this.#answer(() => this.#photos.get(id) ?? null);
  }

  remove(id: string) {
    return this.#answer(() => this.#photos.delete(id) && this.#analyses.delete(id));
  }

  ping() {
    return this.#answer(() => undefined);
  }

  close() {
    return Promise.resolve();
  }

  #answer<T>(value: () => T): Promise<T> {
    if (this.down) return Promise.reject(storeUnavailable(new Error("connect ECONNREFUSED")));
    return Promise.resolve(value());
  }
}
