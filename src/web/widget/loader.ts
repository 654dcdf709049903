/* What a bank's page loads: <script src="https://support.bank.example/widget.js" data-supportd async>.
 * A launcher in an open shadow root; on the first opening an iframe of the daemon's origin, so that
 * nothing else on the page can read a chat. Before that: no request, no storage, no cookie.
 *
 * Attributes (all optional): data-token (name of a global function that gives the customer's JWT),
 * data-lang, data-position ("left", "right"), data-offset-x, data-offset-y, data-z-index, data-label,
 * data-privacy (address of the privacy page). Theme: --supportd-accent on the page's root element.
 * window.supportd: token() is read from it; open(), close(), toggle() and remove() are put on it. */

export {};

interface Api {
  token?: () => string | null | Promise<string | null>;
  open?: () => void;
  close?: () => void;
  toggle?: () => void;
  remove?: () => void;
}

const WORDS: Record<string, [string, string, string, string]> = {
  en: ["Open support chat", "Close support chat", "new messages", "Support could not be loaded."],
  sw: ["Fungua gumzo la msaada", "Funga gumzo", "ujumbe mpya", "Msaada haukuweza kufunguka."],
};

const KEY = "supportd.open";
const SVG = "http://www.w3.org/2000/svg";
const CHAT = "M4 5h16v11H9l-5 4zM8 9h8M8 12h5";
const CROSS = "M6 6l12 12M18 6L6 18";

/* The inner !important beats any of the page's, even "* { ... !important }" and display: none. */
const CSS = `
:host{all:initial!important;display:block!important;position:fixed!important;inset-block-end:var(--y)!important;
inset-inline-end:var(--xe)!important;inset-inline-start:var(--xs)!important;width:56px!important;height:56px!important;
z-index:var(--z)!important;direction:inherit!important;font:14px/1.45 system-ui,sans-serif!important}
:host([hidden]){display:none!important}
button{all:unset;box-sizing:border-box;width:56px;height:56px;border-radius:50%;display:grid;place-items:center;
cursor:pointer;color:var(--on);background:var(--accent);box-shadow:0 4px 16px rgb(0 0 0/28%);transition:transform 150ms ease-out;
-webkit-tap-highlight-color:transparent}
button:hover{transform:scale(1.05)}
button:focus-visible{outline:3px solid var(--accent);outline-offset:3px;box-shadow:0 0 0 3px #fff,0 4px 16px rgb(0 0 0/28%)}
svg{width:26px;height:26px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
b{position:absolute;inset-block-start:-4px;inset-inline-end:-4px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;
box-sizing:border-box;background:#b3261e;color:#fff;font:700 12px/22px system-ui,sans-serif;text-align:center;box-shadow:0 0 0 2px #fff}
b[hidden],iframe[hidden],p[hidden]{display:none}
i{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
iframe{position:fixed;inset-block-end:calc(var(--y) + 72px);inset-inline-end:var(--xe);inset-inline-start:var(--xs);
width:380px;height:min(640px,calc(100vh - var(--y) - 88px));border:0;border-radius:12px;background:Canvas;color-scheme:light dark;
box-shadow:0 12px 40px rgb(0 0 0/30%)}
p{position:fixed;inset-block-end:calc(var(--y) + 72px);inset-inline-end:var(--xe);inset-inline-start:var(--xs);max-width:280px;
margin:0;padding:12px 16px;border-radius:8px;background:#12161d;color:#fff}
@media(max-width:480px),(max-height:460px){iframe{inset:0;width:100%;height:100dvh;border-radius:0}:host(.open) button{visibility:hidden}}
@media(prefers-reduced-motion:reduce){button{transition:none}}
@media(forced-colors:active){button{border:2px solid ButtonText}}`;

function start(script: HTMLScriptElement): void {
  const origin = new URL(script.src).origin;
  const data = script.dataset;
  const page = window as { supportd?: Api };
  page.supportd ??= {};
  const api = page.supportd;
  if (api.remove) return;
  const lang = data.lang || document.documentElement.lang || navigator.language;
  const words = WORDS[lang.slice(0, 2)] ?? (WORDS.en as [string, string, string, string]);
  const label = data.label || words[0];

  const host = document.createElement("supportd-widget");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [sheet];

  const px = (value: string | undefined, fallback: string) =>
    value && /^\d+$/.test(value) ? value : fallback;
  const x = `${px(data.offsetX, "20")}px`;
  const left = data.position === "left";
  const accent = getComputedStyle(document.documentElement)
    .getPropertyValue("--supportd-accent")
    .trim();
  const set = (name: string, value: string) => host.style.setProperty(name, value);
  set("--y", `${px(data.offsetY, "20")}px`);
  set("--xe", left ? "auto" : x);
  set("--xs", left ? x : "auto");
  set("--z", px(data.zIndex, "2147483000"));
  set("--accent", accent || "#0b5fff");
  const on = readableOn(accent || "#0b5fff");
  set("--on", on);

  const button = document.createElement("button");
  button.type = "button";
  button.dataset.testid = "launcher";
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  svg.append(path);
  const badge = document.createElement("b");
  badge.dataset.testid = "launcher-unread";
  badge.setAttribute("aria-hidden", "true");
  badge.hidden = true;
  const status = document.createElement("i");
  status.setAttribute("role", "status");
  button.append(svg, badge);
  root.append(button, status);

  let frame: HTMLIFrameElement | null = null;
  let port: MessagePort | null = null;
  let open = false;

  function draw(): void {
    button.setAttribute("aria-expanded", String(open));
    button.setAttribute("aria-label", open ? words[1] : label);
    path.setAttribute("d", open ? CROSS : CHAT);
    host.classList.toggle("open", open);
    if (frame) frame.hidden = !open;
  }

  function remember(): void {
    try {
      sessionStorage.setItem(KEY, open ? "1" : "0");
    } catch {
      /* Storage may be forbidden; the panel then starts closed after a reload. */
    }
  }

  function show(next: boolean, focus = true): void {
    open = next;
    if (open && !frame) make(focus);
    else port?.postMessage({ type: open ? "open" : "hidden", focus });
    if (!open && focus) button.focus();
    draw();
    fit();
    remember();
  }

  async function token(id: unknown): Promise<void> {
    let value: string | null = null;
    try {
      const named = data.token ? (window as unknown as Record<string, unknown>)[data.token] : null;
      const give = typeof named === "function" ? (named as Api["token"]) : api.token;
      value = (await give?.()) ?? null;
    } catch {
      /* The page could not give one: the panel says that one has to sign in. */
    }
    port?.postMessage({ type: "token", id, token: value });
  }

  function listen(message: { type?: string; id?: unknown; n?: number }): void {
    if (message.type === "close") show(false);
    else if (message.type === "show") show(true, false);
    else if (message.type === "token") void token(message.id);
    else if (message.type === "unread") {
      const n = message.n ?? 0;
      badge.hidden = n === 0;
      badge.textContent = n > 99 ? "99+" : String(n);
      status.textContent = n ? `${n} ${words[2]}` : "";
    }
  }

  function make(focus: boolean): void {
    const made = document.createElement("iframe");
    frame = made;
    made.title = label;
    made.allow = "microphone; autoplay";
    made.dataset.testid = "panel-frame";
    made.src = `${origin}/panel/`;
    made.addEventListener("load", () => {
      const channel = new MessageChannel();
      port = channel.port1;
      port.onmessage = (event) => {
        clearTimeout(late);
        problem.remove();
        listen(event.data as object);
      };
      const config = {
        supportd: 1,
        lang,
        accent,
        on,
        privacy: data.privacy ? new URL(data.privacy, location.href).href : "",
        token: Boolean(data.token || api.token),
        focus,
        open,
      };
      made.contentWindow?.postMessage(config, origin, [channel.port2]);
    });
    const problem = document.createElement("p");
    problem.setAttribute("role", "alert");
    const late = setTimeout(() => {
      problem.textContent = words[3];
      root.append(problem);
      made.remove();
      frame = port = null;
      open = false;
      draw();
      setTimeout(() => problem.remove(), 8000);
    }, 15000);
    root.append(made);
  }

  /* The keyboard of a phone takes its space from the panel, not from its composer. */
  function fit(): void {
    const view = window.visualViewport;
    if (!frame || !view || view.scale !== 1) return;
    const phone = matchMedia("(max-width:480px) and (pointer:coarse)").matches;
    frame.style.height = open && phone ? `${view.height}px` : "";
    frame.style.insetBlockStart = open && phone ? `${view.offsetTop}px` : "";
  }

  button.addEventListener("click", () => show(!open));
  visualViewport?.addEventListener("resize", fit);
  visualViewport?.addEventListener("scroll", fit);
  api.open = () => show(true);
  api.close = () => show(false);
  api.toggle = () => show(!open);
  api.remove = () => {
    visualViewport?.removeEventListener("resize", fit);
    visualViewport?.removeEventListener("scroll", fit);
    port?.close();
    host.remove();
    for (const key of ["open", "close", "toggle", "remove"] as const) delete api[key];
  };

  draw();
  const attach = () => document.body.append(host);
  if (document.body) attach();
  else document.addEventListener("DOMContentLoaded", attach, { once: true });
  try {
    if (sessionStorage.getItem(KEY) === "1") show(true, false);
  } catch {
    /* As above. */
  }
}

/* Black or white, whichever is easier to read on the colour (WCAG 2.2 relative luminance). */
function readableOn(color: string): string {
  const probe = document.createElement("canvas").getContext("2d");
  if (!probe) return "#fff";
  probe.fillStyle = color;
  const hex = /^#(..)(..)(..)$/.exec(String(probe.fillStyle));
  if (!hex) return "#fff";
  const [r = 0, g = 0, b = 0] = hex.slice(1).map((part) => {
    const c = Number.parseInt(part, 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.19 ? "#12161d" : "#fff";
}

const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>("script[data-supportd]");
if (script) start(script);
