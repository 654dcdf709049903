/* Line icons on a 24 x 24 grid, as path data; drawn with the text's colour. */

export const ICONS = {
  chat: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12l16-8-5 16-3-6zM12 14l8-10",
  phone:
    "M6 3h4l1.5 5-2.5 1.5a12 12 0 005.5 5.5L16 12.5l5 1.5v4c0 1.7-1.3 3-3 3C10 20.5 3.5 14 3 6c0-1.7 1.3-3 3-3z",
  hangup: "M3 15c0-7 18-7 18 0v2l-5-1v-3c-2.5-1-5.5-1-8 0v3l-5 1z",
  mic: "M12 3a3 3 0 013 3v5a3 3 0 01-6 0V6a3 3 0 013-3zM6 11a6 6 0 0012 0M12 17v4",
  micOff: "M9 6a3 3 0 016 0v5M14 13.5A3 3 0 019 11V9M6 11a6 6 0 009 5.2M18 11v1M12 17v4M4 4l16 16",
  lock: "M6 11h12v9H6zM9 11V8a3 3 0 016 0v3",
  check: "M5 13l4 4L19 7",
  checks: "M2 13l4 4L15 8M11 15l2 2L22 8",
  clock: "M12 4a8 8 0 100 16 8 8 0 000-16zM12 8v4l3 2",
  warn: "M12 4l9 16H3zM12 10v4M12 17v.5",
  info: "M12 4a8 8 0 100 16 8 8 0 000-16zM12 11v5M12 8v.5",
  queue: "M4 7h16M4 12h16M4 17h9",
  user: "M12 4a4 4 0 100 8 4 4 0 000-8zM4 20c1-5 15-5 16 0",
  back: "M15 5l-7 7 7 7",
  record: "M12 7a5 5 0 100 10 5 5 0 000-10z",
  sound: "M4 10v4h3l5 4V6l-5 4zM15 9a4 4 0 010 6M17 6a8 8 0 010 12",
} as const;

export type IconName = keyof typeof ICONS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName, size = 20): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const set = (key: string, value: string) => svg.setAttribute(key, value);
  set("viewBox", "0 0 24 24");
  set("width", String(size));
  set("height", String(size));
  set("fill", "none");
  set("stroke", "currentColor");
  set("stroke-width", "1.8");
  set("stroke-linecap", "round");
  set("stroke-linejoin", "round");
  set("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
