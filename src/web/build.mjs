/* Builds the browser side: node build.mjs OUT [C_FILE]
 *
 * OUT gets every file as it is served: widget.js (the loader, short life), panel/, staff/, demo/
 * (pages, revalidated) and assets/ (content hash in the name, kept for a year). C_FILE gets the
 * same as the table sup_web_assets of include/supportd/net/assets.h. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, transformSync } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

/* self alone is script and style; no policy can be made by Trusted Types, so nothing can turn
 * text into markup. */
const STRICT =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "media-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; " +
  "trusted-types 'none'";
const CSP = {
  panel: `${STRICT}; frame-ancestors {frame_ancestors}`,
  staff: `${STRICT}; frame-ancestors 'none'`,
  demo: `${STRICT}; frame-src 'self'; frame-ancestors 'none'`,
};
const TYPES = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  svg: "image/svg+xml",
};
const PAGES = [
  {
    name: "panel",
    html: "widget/panel.html",
    js: "widget/main.ts",
    css: "widget/panel.css",
    format: "esm",
  },
  {
    name: "staff",
    html: "staff/staff.html",
    js: "staff/main.tsx",
    css: "staff/staff.css",
    format: "iife",
  },
  {
    name: "demo",
    html: "demo/demo.html",
    js: "demo/main.ts",
    css: "demo/demo.css",
    format: "iife",
  },
];

const hash = (data) => createHash("sha256").update(data).digest("hex").slice(0, 16);

/* What a catalogue of words exports. */
async function words(path) {
  const { code } = transformSync(readFileSync(path, "utf8"), { loader: "ts", format: "esm" });
  return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

/* Other languages travel without their keys: the same ones as the English, in its order. */
const catalogues = {
  name: "catalogues",
  setup(it) {
    it.onLoad({ filter: /\/i18n\/\w+\.[a-z]+\.ts$/ }, async ({ path }) => {
      const [, page, lang] = /(\w+)\.([a-z]+)\.ts$/.exec(path);
      if (lang === "en") return null;
      const { en } = await words(join(dirname(path), `${page}.en.ts`));
      const own = (await words(path))[lang];
      const values = JSON.stringify(Object.keys(en).map((key) => own[key]));
      const contents = `import { en } from "./${page}.en";
        const words = ${values};
        export const ${lang} = Object.fromEntries(Object.keys(en).map((k, i) => [k, words[i]]));`;
      return { contents, loader: "js" };
    });
  },
};

/* [{name, data}], the entry first. Chunks (modules that are loaded when needed) carry their hash in
 * the name that esbuild has given them, for the entry names them. */
async function bundle(entry, format) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format,
    splitting: format === "esm",
    outdir: "/assets",
    chunkNames: "part-[hash]",
    target: ["es2022", "safari16.4"],
    legalComments: "none",
    charset: "utf8",
    /* Private members begin with _ by rule, so their names may shrink. Fields of parameters would be
     * declared under their long names, which a shrunk one may meet (_t): no declarations. */
    mangleProps: /^_[a-z]/,
    tsconfigRaw: {
      compilerOptions: {
        useDefineForClassFields: false,
        jsx: "react-jsx",
        jsxImportSource: "preact",
      },
    },
    mangleCache: names,
    plugins: [catalogues],
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const files = result.outputFiles.map((f) => ({
    name: f.path.split("/").at(-1),
    data: Buffer.from(f.contents),
  }));
  names = result.mangleCache ?? names;
  return files;
}

let names = {};

/* Every file: path, type, bytes, immutable, csp or null, cross_origin. */
export async function makeAssets() {
  const files = [];
  const add = (path, type, data, more = {}) => {
    files.push({
      path,
      type: TYPES[type],
      data,
      immutable: false,
      csp: null,
      cors: false,
      ...more,
    });
    return path;
  };
  const hashed = (name, type, data) =>
    add(`/assets/${name}-${hash(data)}.${type}`, type, data, { immutable: true });

  const icon = hashed("icon", "svg", readFileSync(join(here, "shared/icon.svg")));
  add("/widget.js", "js", (await bundle("widget/loader.ts", "iife"))[0].data, { cors: true });
  for (const page of PAGES) {
    const [entry, ...parts] = await bundle(page.js, page.format);
    for (const part of parts) add(`/assets/${part.name}`, "js", part.data, { immutable: true });
    const js = hashed(page.name, "js", entry.data);
    const css = hashed(page.name, "css", (await bundle(page.css))[0].data);
    const html = readFileSync(join(here, page.html), "utf8")
      .replaceAll("{{js}}", js)
      .replaceAll("{{css}}", css)
      .replaceAll("{{icon}}", icon);
    add(`/${page.name}/`, "html", Buffer.from(html), { csp: CSP[page.name] });
  }
  for (const file of files) {
    file.etag = `"${hash(file.data)}"`;
    file.gzip = gzipSync(file.data, { level: 9 });
    file.br = brotliCompressSync(file.data, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: file.data.length,
      },
    });
  }
  return files;
}

function writeOut(files, out) {
  rmSync(out, { recursive: true, force: true });
  for (const file of files) {
    const path = join(out, file.path.endsWith("/") ? `${file.path}index.html` : file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.data);
    writeFileSync(`${path}.gz`, file.gzip);
    writeFileSync(`${path}.br`, file.br);
  }
}

function bytesOf(name, data) {
  const rows = [];
  for (let at = 0; at < data.length; at += 24) rows.push([...data.subarray(at, at + 24)].join(","));
  return `static const uint8_t ${name}[] = {\n${rows.join(",\n")}};\n`;
}

const cString = (value) => (value === null ? "NULL" : JSON.stringify(value));

function cSource(files) {
  const parts = ['/* Generated by src/web/build.mjs. */\n#include "supportd/net/assets.h"\n'];
  const rows = files.map((f, i) => {
    parts.push(bytesOf(`a${i}`, f.data), bytesOf(`g${i}`, f.gzip), bytesOf(`b${i}`, f.br));
    return [
      `    {.path = ${cString(f.path)},`,
      `     .content_type = ${cString(f.type)},`,
      `     .data = a${i}, .len = sizeof(a${i}),`,
      `     .gzip = g${i}, .gzip_len = sizeof(g${i}),`,
      `     .br = b${i}, .br_len = sizeof(b${i}),`,
      `     .etag = ${cString(f.etag)},`,
      `     .immutable = ${f.immutable},`,
      `     .csp = ${cString(f.csp)},`,
      `     .cross_origin = ${f.cors}},`,
    ].join("\n");
  });
  parts.push(`const struct sup_asset sup_web_assets[] = {\n${rows.join("\n")}\n};`);
  parts.push(
    "const size_t sup_web_asset_count = sizeof(sup_web_assets) / sizeof(sup_web_assets[0]);\n",
  );
  return parts.join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [out, cFile] = process.argv.slice(2);
  if (!out) {
    console.error("usage: node build.mjs OUT [C_FILE]");
    process.exit(2);
  }
  const files = await makeAssets();
  writeOut(files, out);
  if (cFile) writeFileSync(cFile, cSource(files));
  for (const f of files)
    console.log(`${f.path}: ${f.data.length} bytes, ${f.gzip.length} gzip, ${f.br.length} brotli`);
}
