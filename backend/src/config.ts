export interface Config {
  port: number;
  poseServiceUrl: string;
  mongodbUrl: string;
}

/**
 * Reads the settings; a wrong one stops the start with its name, never with the value of a secret. An empty
 * one counts as unset: that is what compose passes on for a variable nobody set.
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  return {
    port: readPort(env.PORT || "3001"),
    poseServiceUrl: readUrl("POSE_SERVICE_URL", env.POSE_SERVICE_URL || "http://pose-service:5000", ["http:", "https:"]),
    mongodbUrl: readUrl("MONGODB_URL", env.MONGODB_URL || "mongodb://mongodb:27017/snowboarding", [
      "mongodb:",
      "mongodb+srv:",
    ]),
  };
}

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT is not a port number: ${text}`);
  return port;
}

function readUrl(name: string, text: string, protocols: string[]): string {
  // A MongoDB URL may list several hosts, which URL refuses: its scheme is all that is checked here.
  const scheme = /^[a-z+]+:(?=\/\/.)/.exec(text)?.[0];
  if (scheme === undefined || !protocols.includes(scheme)) {
    throw new Error(`${name} must start with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`);
  }
  return text.replace(/\/+$/, "");
}
