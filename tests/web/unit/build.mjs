/* Bundles *.test.ts for node: node build.mjs OUT */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, "../../../src/web/package.json"));

await require("esbuild").build({
  entryPoints: readdirSync(here)
    .filter((f) => f.endsWith(".test.ts"))
    .map((f) => join(here, f)),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  outdir: process.argv[2],
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});
