import { type DragEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { type Analysis, PHOTO_TYPES, photoUrl } from "../api";
import { Skeleton } from "./Skeleton";

interface StageProps {
  analysis: Analysis | null;
  uploading: File | null;
  onPhoto: (photo: File) => void;
  onReject: (message: string) => void;
}

/** The photo with its skeleton; a new photo is dropped anywhere on it or chosen with the button. */
export function Stage({ analysis, uploading, onPhoto, onReject }: StageProps) {
  const [dragging, setDragging] = useState(false);

  const take = (file: File | undefined) => {
    if (file === undefined) return;
    if (PHOTO_TYPES.includes(file.type)) onPhoto(file);
    else onReject(`${file.name} is not a JPEG, PNG or WebP photo.`);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setDragging(false);
    take(event.dataTransfer.files[0]);
  };
  const over = (event: DragEvent) => {
    event.preventDefault();
    setDragging(true);
  };

  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- dropping is a shortcut; the button serves the keyboard
    <section
      className={`card stage${dragging ? " dragging" : ""}`}
      aria-label="Photo"
      aria-busy={uploading !== null}
      onDrop={drop}
      onDragOver={over}
      onDragLeave={() => setDragging(false)}
    >
      <StageContent analysis={analysis} uploading={uploading} />
      <UploadButton busy={uploading !== null} again={analysis !== null} onFile={take} />
    </section>
  );
}

function StageContent({ analysis, uploading }: Pick<StageProps, "analysis" | "uploading">): ReactNode {
  if (uploading !== null) return <Preview photo={uploading} />;
  if (analysis === null) return <Invitation />;
  const { id, filename, image, landmarks } = analysis;
  return (
    <figure className="figure">
      <div className="photo">
        <img src={photoUrl(id)} alt={`Rider in ${filename}`} width={image.width} height={image.height} />
        <Skeleton image={image} landmarks={landmarks} />
      </div>
      <figcaption>
        <span className="name">{filename}</span>
        <span className="legend">
          <span className="left">left</span>
          <span className="right">right</span>
        </span>
      </figcaption>
    </figure>
  );
}

function Invitation() {
  return (
    <div className="invitation">
      <svg viewBox="0 0 120 80" aria-hidden="true">
        <path className="hill" d="M0 80 38 24l22 30 16-20 44 46z" />
        <path className="snow" d="m38 24 13 18-6 5-7-5-8 6-6-4z" />
        <path className="track" d="M10 74c26-2 30-10 48-8s22 8 48 2" />
      </svg>
      <h2>See how you ride</h2>
      <p>Drop a photo of one rider here, or choose one. JPEG, PNG or WebP, up to 10 MiB.</p>
    </div>
  );
}

function Preview({ photo }: { photo: File }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(photo);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [photo]);

  return (
    <div className="preview">
      {url !== undefined && <img src={url} alt="" />}
      <p role="status">Analysing {photo.name}…</p>
    </div>
  );
}

function UploadButton({ busy, again, onFile }: { busy: boolean; again: boolean; onFile: (file?: File) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const pick = () => {
    onFile(input.current?.files?.[0]);
    // Without this, choosing the same photo once more would be no change.
    if (input.current !== null) input.current.value = "";
  };
  return (
    <label className={`button primary${busy ? " disabled" : ""}`}>
      <input
        ref={input}
        className="visually-hidden"
        data-testid="upload"
        type="file"
        accept={PHOTO_TYPES.join(",")}
        disabled={busy}
        onChange={pick}
      />
      {again ? "Analyse another photo" : "Choose a photo"}
    </label>
  );
}
