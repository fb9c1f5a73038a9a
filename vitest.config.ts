import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^adjoint$/, replacement: at("lib/index.ts") },
      { find: /^adjoint\/plot$/, replacement: at("lib/plot/index.ts") },
    ],
  },
  // No processor is left idle: files are few, and some of them long.
  test: { include: ["tests/**/*.test.ts"], pool: "forks", maxWorkers: "100%", testTimeout: 60_000 },
});
