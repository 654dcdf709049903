/* Building DOM without markup strings: text goes in as text, whatever it holds. */

export type Child = Node | string | null | undefined | false;

type Props = Record<string, string | number | boolean | EventListener | null | undefined>;

/* h("button", {class: "x", onclick: f, hidden: true}, "text"): on* are listeners, true is an empty
 * attribute, false, null and undefined are none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props?: Props | null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (typeof value === "function") el.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      el.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) if (child || child === "") el.append(child);
  return el;
}

/* Sets text only when it differs: a live region would announce it again. */
export function text(el: Element, value: string): void {
  if (el.textContent !== value) el.textContent = value;
}

/* Makes el's children the given ones, moving as little as possible. */
export function children(el: Element, wanted: Node[]): void {
  let at: ChildNode | null = el.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else el.insertBefore(node, at);
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}
