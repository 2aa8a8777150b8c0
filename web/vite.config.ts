import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { createBackendRoutes } from "./server/backend-routes.js";
import { readConfig } from "./server/config.js";

/** The development server forwards the API with the very code that production runs. */
function backendRoutes(): Plugin {
  return {
    name: "backend-routes",
    configureServer(server) {
      const { backendUrl } = readConfig(process.env);
      server.middlewares.use(createBackendRoutes(backendUrl, (line) => server.config.logger.info(line)));
    },
  };
}

export default defineConfig({
  plugins: [react(), backendRoutes()],
  // In a container the development server may not write into the image. A folder named node_modules keeps the
  // prepared dependencies out of the plugins' way.
  cacheDir: process.env.VITE_CACHE_DIR || "node_modules/.vite",
  build: { outDir: "dist/client" },
  server: {
    host: "0.0.0.0",
    port: 5173,
    strictPort: true,
    // Other services of the compose network call it by its name.
    allowedHosts: ["frontend"],
  },
  test: {
    include: ["tests/**/*.test.{ts,tsx}"],
    setupFiles: "tests/setup.ts",
    testTimeout: 10_000,
  },
});
