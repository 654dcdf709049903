/* Message text as nodes: masked parts marked, addresses made links. Text stays text. */
import { h } from "./dom";

const MASK = /\*{4}(?:[ -]?(?:\*{4}|[0-9A-Za-z]{1,4}(?![0-9A-Za-z])))*/g;
const LINK = /https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]]/g;

function split(body: string, pattern: RegExp, make: (part: string) => Node): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  for (const match of body.matchAll(pattern)) {
    if (match.index > at) nodes.push(document.createTextNode(body.slice(at, match.index)));
    nodes.push(make(match[0]));
    at = match.index + match[0].length;
  }
  if (at < body.length) nodes.push(document.createTextNode(body.slice(at)));
  return nodes;
}

/* The pieces of a masked body: [text, masked] pairs, for pages that draw by themselves. */
export function maskSplit(body: string): { text: string; masked: boolean }[] {
  const parts: { text: string; masked: boolean }[] = [];
  let at = 0;
  for (const match of body.matchAll(MASK)) {
    if (match.index > at) parts.push({ text: body.slice(at, match.index), masked: false });
    parts.push({ text: match[0], masked: true });
    at = match.index + match[0].length;
  }
  if (at < body.length) parts.push({ text: body.slice(at), masked: false });
  return parts;
}

export function maskedParts(body: string): Node[] {
  return maskSplit(body).map((p) =>
    p.masked ? h("span", { class: "masked" }, p.text) : document.createTextNode(p.text),
  );
}

export function linked(body: string, links: boolean): Node[] {
  if (!links) return [document.createTextNode(body)];
  return split(body, LINK, (href) =>
    h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href),
  );
}
