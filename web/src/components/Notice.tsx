import type { ApiFailure } from "../api";

/** What each refusal means to somebody with a photo; the server's own words follow. */
const TITLES: Record<string, string> = {
  damaged_image: "This photo is damaged",
  no_person: "Nobody found in this photo",
  not_found: "This analysis is gone",
  too_large: "This photo is too large",
  too_many_pixels: "This photo has too many pixels",
  unsupported_media: "This file cannot be read",
  missing_image: "There was no photo",
  pose_unavailable: "The analysis is not available right now",
  store_unavailable: "The database is not available right now",
  backend_unavailable: "The server is not available right now",
  unreachable: "The server cannot be reached",
};

export function Notice({ failure, onDismiss }: { failure: ApiFailure; onDismiss: () => void }) {
  return (
    <div className="notice" role="alert">
      <div>
        <strong>{TITLES[failure.code] ?? "That did not work"}</strong>
        <p>{failure.message}</p>
      </div>
      <button type="button" className="button" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  );
}
