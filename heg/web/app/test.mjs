// Bundles the tests and runs them with node's own runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = await mkdtemp(join(tmpdir(), "heg-page-"));
await build({
  entryPoints: [new URL("./test/page.test.ts", import.meta.url).pathname, new URL("./test/plan.test.ts", import.meta.url).pathname],
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
const { status } = spawnSync(process.execPath, ["--test", join(folder, "page.test.mjs"), join(folder, "plan.test.mjs")], { stdio: "inherit" });
await rm(folder, { recursive: true });
process.exit(status ?? 1);
