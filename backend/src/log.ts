type Fields = Record<string, unknown>;

/** One JSON object per line; `error` is for bugs only, a refused photo or a late database is not one. */
export interface Logger {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

export function createLogger(write: (line: string) => void): Logger {
  const at = (level: string) => (message: string, fields: Fields = {}) => {
    write(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }) + "\n");
  };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}
