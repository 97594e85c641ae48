// Bundles the tests and runs them with node's own runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TESTS = ["page", "plan", "week", "screens", "appliances"];
const folder = await mkdtemp(join(tmpdir(), "heg-page-"));
await build({
  entryPoints: TESTS.map((name) => new URL(`./test/${name}.test.ts`, import.meta.url).pathname),
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
const { status } = spawnSync(process.execPath, ["--test", ...TESTS.map((name) => join(folder, `${name}.test.mjs`))], { stdio: "inherit" });
await rm(folder, { recursive: true });
process.exit(status ?? 1);
