import { type Collection, MongoClient, MongoError } from "mongodb";
import { storeUnavailable } from "../errors.js";
import type { Analysis, AnalysisSummary, Photo } from "../model.js";
import type { Page, Store } from "./store.js";

type AnalysisDocument = Omit<Analysis, "id"> & { _id: string };
type PhotoDocument = Photo & { _id: string };

interface Connection {
  client: MongoClient;
  analyses: Collection<AnalysisDocument>;
  photos: Collection<PhotoDocument>;
}

/**
 * Photos lie in a collection of their own, so that listing analyses never reads them. 10 MiB fit into one
 * document (MongoDB's limit is 16 MiB).
 *
 * The connection is made by the first request that needs it and made anew after a failure, so the service
 * starts before MongoDB does; once made, the driver itself finds its way back after an outage.
 */
export class MongoStore implements Store {
  #connection: Promise<Connection> | undefined;

  constructor(
    private readonly url: string,
    private readonly timeoutMs = 2_000,
  ) {}

  save(analysis: Analysis, photo: Photo): Promise<void> {
    const { id, ...rest } = analysis;
    return this.#use(async ({ analyses, photos }) => {
      // The photo first: whatever fails, an analysis that is listed has its photo.
      await photos.insertOne({ _id: id, ...photo });
      await analyses.insertOne({ _id: id, ...rest });
    });
  }

  list({ limit, before }: Page): Promise<AnalysisSummary[]> {
    const filter = before === undefined ? {} : { createdAt: { $lt: before } };
    return this.#use(async ({ analyses }) => {
      const found = analyses.find(filter, { projection: { landmarks: 0 } }).sort({ createdAt: -1 }).limit(limit);
      return (await found.toArray()).map(toAnalysis);
    });
  }

  find(id: string): Promise<Analysis | null> {
    return this.#use(async ({ analyses }) => {
      const found = await analyses.findOne({ _id: id });
      return found && toAnalysis(found);
    });
  }

  findPhoto(id: string): Promise<Photo | null> {
    return this.#use(async ({ photos }) => {
      const found = await photos.findOne({ _id: id }, { promoteBuffers: true });
      return found && { bytes: found.bytes, type: found.type };
    });
  }

  remove(id: string): Promise<boolean> {
    return this.#use(async ({ analyses, photos }) => {
      const { deletedCount } = await analyses.deleteOne({ _id: id });
      await photos.deleteOne({ _id: id });
      return deletedCount > 0;
    });
  }

  ping(): Promise<void> {
    return this.#use(async ({ client }) => {
      await client.db().command({ ping: 1 });
    });
  }

  async close(): Promise<void> {
    // A connection that never came about has nothing to close.
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.client.close();
  }

  async #use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    this.#connection ??= this.#connect();
    try {
      return await work(await this.#connection);
    } catch (error) {
      throw error instanceof MongoError ? storeUnavailable(error) : error;
    }
  }

  async #connect(): Promise<Connection> {
    const client = new MongoClient(this.url, {
      appName: "backend-api",
      connectTimeoutMS: this.timeoutMs,
      serverSelectionTimeoutMS: this.timeoutMs,
    });
    try {
      await client.connect();
      const analyses = client.db().collection<AnalysisDocument>("analyses");
      await analyses.createIndex({ createdAt: -1 });
      return { client, analyses, photos: client.db().collection<PhotoDocument>("photos") };
    } catch (error) {
      this.#connection = undefined;
      await client.close();
      throw error;
    }
  }
}

function toAnalysis<T extends { _id: string }>({ _id, ...rest }: T): Omit<T, "_id"> & { id: string } {
  return { id: _id, ...rest };
}
