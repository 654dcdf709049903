/* The panel's side of the channel to the page that carries the widget (loader.ts). */

export interface HostConfig {
  lang: string;
  accent: string;
  on: string;
  privacy: string;
  /* The page gives tokens; else the bank's cookie must do. */
  token: boolean;
  focus: boolean;
  open: boolean;
}

export interface Host {
  config: HostConfig;
  /* Of the page that carries the widget; of the daemon when the panel stands alone. */
  origin: string;
  token(): Promise<string | null>;
  close(): void;
  show(): void;
  unread(n: number): void;
  onVisible(cb: (open: boolean, focus: boolean) => void): void;
}

const TOKEN_MS = 10000;

function build(config: HostConfig, port: MessagePort | null, origin: string): Host {
  const waiting = new Map<number, (token: string | null) => void>();
  let next = 1;
  let visible: (open: boolean, focus: boolean) => void = () => undefined;
  let lastUnread = 0;
  if (port)
    port.onmessage = (event) => {
      const m = event.data as {
        type?: string;
        id?: number;
        token?: string | null;
        focus?: boolean;
      };
      if (m.type === "token" && m.id !== undefined) {
        waiting.get(m.id)?.(m.token ?? null);
        waiting.delete(m.id);
      } else if (m.type === "open") visible(true, m.focus !== false);
      else if (m.type === "hidden") visible(false, false);
    };
  port?.postMessage({ type: "ready" });
  return {
    config,
    origin,
    token: () =>
      new Promise((resolve) => {
        if (!port) return resolve(null);
        const id = next++;
        waiting.set(id, resolve);
        setTimeout(() => waiting.delete(id) && resolve(null), TOKEN_MS);
        port.postMessage({ type: "token", id });
      }),
    close: () => port?.postMessage({ type: "close" }),
    show: () => port?.postMessage({ type: "show" }),
    unread: (n) => {
      if (n !== lastUnread) port?.postMessage({ type: "unread", n });
      lastUnread = n;
    },
    onVisible: (cb) => {
      visible = cb;
    },
  };
}

/* The first message of the parent window carries the port; who may be parent is what
 * frame-ancestors says. Without a parent the panel is a page of its own. */
export function connectHost(): Promise<Host> {
  if (window.parent === window) {
    const own: HostConfig = {
      lang: navigator.language,
      accent: "",
      on: "",
      privacy: "",
      token: false,
      focus: true,
      open: true,
    };
    return Promise.resolve(build(own, null, location.origin));
  }
  return new Promise((resolve) => {
    const listen = (event: MessageEvent) => {
      const data = event.data as (HostConfig & { supportd?: number }) | null;
      const port = event.ports[0];
      if (event.source !== window.parent || data?.supportd !== 1 || !port) return;
      removeEventListener("message", listen);
      resolve(build(data, port, event.origin));
    };
    addEventListener("message", listen);
  });
}
