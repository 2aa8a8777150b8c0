export interface Config {
  port: number;
  backendUrl: string;
}

/** Reads the settings; a wrong one stops the start with its name. An empty one counts as unset. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const port = Number(env.PORT || "5173");
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT is not a port number: ${env.PORT}`);
  const backendUrl = env.BACKEND_URL || "http://backend-api:3001";
  if (!/^https?:\/\/./.test(backendUrl)) throw new Error("BACKEND_URL must start with http:// or https://");
  return { port, backendUrl };
}
