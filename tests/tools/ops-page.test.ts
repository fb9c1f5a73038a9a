import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("docs/ops.md is what declarations and tables say", () => {
  const { stderr, status } = spawnSync(process.execPath, ["scripts/ops-page.mjs", "--check"], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
