/* Canonical JSON (docs/protocol.md 2) and its SHA-256: what a state hash is made of. */

const SHORT: Record<string, string> = {
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  '"': '\\"',
  "\\": "\\\\",
};

function quote(text: string): string {
  let out = '"';
  for (const unit of text) {
    const code = unit.charCodeAt(0);
    out +=
      SHORT[unit] ??
      (code < 0x20 ? `\\u${code.toString(16).toUpperCase().padStart(4, "0")}` : unit);
  }
  return `${out}"`;
}

/* By code point: UTF-16 order differs where surrogates meet U+E000..U+FFFF. */
function byCodePoint(a: string, b: string): number {
  const x = [...a];
  const y = [...b];
  for (let i = 0; i < x.length && i < y.length; i++) {
    const d = (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0);
    if (d) return d;
  }
  return x.length - y.length;
}

export function canonical(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return quote(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const object = value as Record<string, unknown>;
  const parts = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort(byCodePoint)
    .map((key) => `${quote(key)}:${canonical(object[key])}`);
  return `{${parts.join(",")}}`;
}

/* Lower-case hex; null where the page is no secure context and has no SHA-256. */
export async function stateHash(state: unknown): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null;
  const bytes = new TextEncoder().encode(canonical(state));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
}
