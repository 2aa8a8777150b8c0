import { useState } from "react";
import { type AnalysisSummary, photoUrl } from "../api";

interface HistoryProps {
  entries: AnalysisSummary[];
  currentId: string | undefined;
  loading: boolean;
  hasMore: boolean;
  onOpen: (id: string) => void;
  onRemove: (id: string) => void;
  onMore: () => void;
}

export function History({ entries, currentId, loading, hasMore, onOpen, onRemove, onMore }: HistoryProps) {
  const empty = entries.length === 0;
  return (
    <section className="card history" aria-labelledby="history-title" aria-busy={loading}>
      <h2 id="history-title">Earlier analyses</h2>
      {empty && loading && <p className="muted">Loading…</p>}
      {empty && !hasMore && <p className="muted">None yet: your first photo will appear here.</p>}
      <ul>
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} current={entry.id === currentId} onOpen={onOpen} onRemove={onRemove} />
        ))}
      </ul>
      {hasMore && !loading && (
        <button type="button" className="button" onClick={onMore}>
          {empty ? "Try again" : "Show more"}
        </button>
      )}
    </section>
  );
}

interface EntryProps extends Pick<HistoryProps, "onOpen" | "onRemove"> {
  entry: AnalysisSummary;
  current: boolean;
}

function Entry({ entry: { id, filename, createdAt }, current, onOpen, onRemove }: EntryProps) {
  const made = new Date(createdAt);
  return (
    <li data-testid="history-item" className={current ? "current" : undefined}>
      <button type="button" className="open" aria-current={current} onClick={() => onOpen(id)}>
        <img src={photoUrl(id)} alt="" loading="lazy" />
        <span className="name">{filename}</span>
        <time dateTime={createdAt}>{made.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}</time>
      </button>
      <DeleteButton filename={filename} onDelete={() => onRemove(id)} />
    </li>
  );
}

/** Asks once before a photo is gone for good: the second click deletes, looking elsewhere takes it back. */
function DeleteButton({ filename, onDelete }: { filename: string; onDelete: () => void }) {
  const [asked, setAsked] = useState(false);
  return (
    <button
      type="button"
      className={`delete${asked ? " asked" : ""}`}
      aria-label={asked ? `Really delete ${filename}` : `Delete ${filename}`}
      onClick={asked ? onDelete : () => setAsked(true)}
      onBlur={() => setAsked(false)}
    >
      {asked ? "Delete?" : "×"}
    </button>
  );
}
