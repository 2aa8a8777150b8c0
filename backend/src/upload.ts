import type { Request, RequestHandler, Response } from "express";
import multer from "multer";
import { ApiError, badRequest } from "./errors.js";
import type { Photo } from "./model.js";
import { MAX_PHOTO_BYTES, photoType } from "./photo.js";

export interface Upload extends Photo {
  filename: string;
}

const parseMultipart: RequestHandler = multer({
  storage: multer.memoryStorage(),
  limits: { fileSize: MAX_PHOTO_BYTES, files: 1, fields: 10, fieldSize: 1024 },
  defParamCharset: "utf8",
}).single("image");

const missingImage = () => new ApiError(400, "missing_image", "Send a photo as the multipart field `image`.");

/** The photo of a multipart request, refused early where no pose service could read it. */
export async function readUpload(request: Request, response: Response): Promise<Upload> {
  await new Promise<void>((resolve, reject) => {
    parseMultipart(request, response, (error: unknown) => {
      if (error === undefined) resolve();
      else reject(translate(error));
    });
  });
  const file = request.file;
  if (file === undefined || file.size === 0) throw missingImage();
  const type = photoType(file.buffer);
  if (type === null) throw new ApiError(415, "unsupported_media", "The file is not a JPEG, PNG or WebP photo.");
  return { bytes: file.buffer, type, filename: file.originalname.slice(0, 255) };
}

function translate(error: unknown): Error {
  if (error instanceof multer.MulterError) {
    if (error.code === "LIMIT_FILE_SIZE") return new ApiError(413, "too_large", "The photo is larger than 10 MiB.");
    if (error.code === "LIMIT_UNEXPECTED_FILE" || error.code === "LIMIT_FILE_COUNT") return missingImage();
  }
  // What is left is a body that is no multipart at all: cut off, without a boundary, with too many parts.
  const reason = error instanceof Error ? error.message : String(error);
  return badRequest(`The upload cannot be read: ${reason}`);
}
