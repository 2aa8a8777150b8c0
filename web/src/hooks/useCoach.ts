import { useCallback, useEffect, useRef, useState } from "react";
import {
  type Analysis,
  type AnalysisSummary,
  ApiFailure,
  createAnalysis,
  deleteAnalysis,
  getAnalysis,
  listAnalyses,
} from "../api";

/** Everything the page knows and everything it can do. */
export function useCoach() {
  const [history, setHistory] = useState<AnalysisSummary[]>([]);
  // Where the history goes on: undefined before its first page is there, null at its end.
  const [next, setNext] = useState<string | null>();
  const [current, setCurrent] = useState<Analysis | null>(null);
  const [uploading, setUploading] = useState<File | null>(null);
  const [loading, setLoading] = useState(true);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  // Two quick clicks must not let the slower answer win.
  const latest = useRef(0);

  const attempt = useCallback(async (work: () => Promise<void>) => {
    setFailure(null);
    try {
      await work();
    } catch (error) {
      setFailure(toFailure(error));
    }
  }, []);

  const load = useCallback(
    (before?: string) =>
      attempt(async () => {
        setLoading(true);
        try {
          const page = await listAnalyses(before);
          setHistory((shown) => append(shown, page.items));
          setNext(page.next);
        } finally {
          setLoading(false);
        }
      }),
    [attempt],
  );

  useEffect(() => {
    void load();
  }, [load]);

  const upload = (photo: File) =>
    attempt(async () => {
      const turn = ++latest.current;
      setUploading(photo);
      try {
        const made = await createAnalysis(photo);
        setHistory((shown) => [made, ...shown]);
        if (turn === latest.current) setCurrent(made);
      } finally {
        if (turn === latest.current) setUploading(null);
      }
    });

  const open = useCallback(
    (id: string) =>
      attempt(async () => {
        const turn = ++latest.current;
        setUploading(null);
        const found = await getAnalysis(id);
        if (turn === latest.current) setCurrent(found);
      }),
    [attempt],
  );

  // A link to one analysis: /?analysis=ID
  useEffect(() => {
    const linked = new URLSearchParams(window.location.search).get("analysis");
    if (linked !== null) void open(linked);
  }, [open]);

  const remove = (id: string) =>
    attempt(async () => {
      await deleteAnalysis(id).catch(unlessGone);
      setHistory((shown) => shown.filter((entry) => entry.id !== id));
      setCurrent((shown) => (shown?.id === id ? null : shown));
    });

  const loadMore = () => load(next ?? undefined);
  const reject = (message: string) => setFailure(new ApiFailure("unsupported_media", message));
  const dismiss = () => setFailure(null);

  return {
    history, current, uploading, loading, failure, hasMore: next !== null,
    upload, open, remove, loadMore, reject, dismiss,
  };
}

/** A photo analysed while a page was on its way is in the list already. */
function append(shown: AnalysisSummary[], items: AnalysisSummary[]): AnalysisSummary[] {
  const known = new Set(shown.map(({ id }) => id));
  return [...shown, ...items.filter(({ id }) => !known.has(id))];
}

/** Deleting what somebody else has deleted already is no failure. */
function unlessGone(error: unknown) {
  if (!(error instanceof ApiFailure && error.code === "not_found")) throw error;
}

function toFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  return new ApiFailure("unexpected", "Something went wrong on this page. Reload it and try again.");
}
