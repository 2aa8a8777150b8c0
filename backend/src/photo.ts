import type { PhotoType } from "./model.js";

export const MAX_PHOTO_BYTES = 10 * 1024 * 1024;

/**
 * The type of a photo by its first bytes, null for anything else.
 *
 * The type a client claims is never trusted: the photo is served again from the page's own origin, where
 * an HTML file that calls itself a photo would run.
 */
export function photoType(bytes: Buffer): PhotoType | null {
  if (startsWith(bytes, 0, "\xff\xd8\xff")) return "image/jpeg";
  if (startsWith(bytes, 0, "\x89PNG\r\n\x1a\n")) return "image/png";
  if (startsWith(bytes, 0, "RIFF") && startsWith(bytes, 8, "WEBP")) return "image/webp";
  return null;
}

function startsWith(bytes: Buffer, offset: number, signature: string): boolean {
  return bytes.toString("latin1", offset, offset + signature.length) === signature;
}
