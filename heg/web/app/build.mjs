// Bundles the page into ../static/dist. Nothing of it is fetched from anywhere at run time.
import { build } from "esbuild";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";

const out = new URL("../static/dist/", import.meta.url);
const src = new URL("./src/", import.meta.url);

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  // The live page is app and style; the other screens come when they are wanted, so that it stays as light as it is.
  entryPoints: Object.fromEntries(
    Object.entries({ app: "main.ts", style: "style.css", screens: "screens/index.ts", appliances: "appliances/index.ts" }).map(([name, file]) => [name, new URL(file, src).pathname]),
  ),
  outdir: out.pathname,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "firefox115", "safari16"],
  logLevel: "warning",
});
for (const file of ["index.html", "favicon.svg"]) {
  await cp(new URL(file, src), new URL(file, out));
}
// What is bundled is MIT: its notice goes with it.
const notice = await readFile(new URL("./node_modules/uplot/LICENSE", import.meta.url), "utf8");
await writeFile(new URL("licences.txt", out), `uPlot\n\n${notice}`);
