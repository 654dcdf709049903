/* Size gates (SPEC 13, measured by gzip -9): what a bank's page loads, what opening the panel loads.
 * The panel counts its entry, everything that the entry imports at once, and its style; the code of
 * calls and further languages come when they are needed and are printed, not gated together. */
import { makeAssets } from "../../src/web/build.mjs";

const KB = 1024;
const files = new Map((await makeAssets()).map((f) => [f.path, f]));
const find = (pattern) => [...files.values()].find((f) => pattern.test(f.path));
const loader = files.get("/widget.js").gzip.length;
const entry = find(/^\/assets\/panel-.*\.js$/);
const style = find(/^\/assets\/panel-.*\.css$/);
const named = (code) => [...code.matchAll(/\bfrom\s*"\.\/(part-[A-Z0-9]+\.js)"/g)].map((m) => m[1]);
const once = new Set(named(entry.data.toString()));
for (const name of once)
  for (const more of named(files.get(`/assets/${name}`).data.toString())) once.add(more);
const first = [entry, style, ...[...once].map((n) => files.get(`/assets/${n}`))];
const panel = first.reduce((sum, f) => sum + f.gzip.length, 0);
const later = [...files.values()]
  .filter((f) => f.path.startsWith("/assets/part-") && !first.includes(f))
  .reduce((sum, f) => sum + f.gzip.length, 0);

let failed = 0;
for (const [what, bytes, limit] of [
  ["loader", loader, 3 * KB],
  ["panel at first opening", panel, 20 * KB],
  ["loaded later: calls, other languages", later, 8.5 * KB],
]) {
  const ok = bytes <= limit;
  failed += ok ? 0 : 1;
  console.log(`${ok ? "ok" : "not ok"}: ${what}: ${bytes} bytes gzip, limit ${limit}`);
}
console.log(`# pass ${3 - failed}\n# fail ${failed}`);
process.exit(failed ? 1 : 0);
