// What `npm run preview` starts, here and in the image: the built server, with the flags of `vite preview`.
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { host: { type: "string" }, port: { type: "string" } },
});
process.env.HOST = values.host ?? process.env.HOST ?? "127.0.0.1";
process.env.PORT = values.port ?? process.env.PORT ?? "5173";
// A container is asked to stop once; a browser's idle connections must not hold it for half a minute.
process.env.SHUTDOWN_TIMEOUT ??= "3";

// Not `import "./build/index.js"`: it reads the variables above when it is loaded, and exists after `npm run build` only.
await import(new URL("build/index.js", import.meta.url).href);
