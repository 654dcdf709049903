/* The bank's accent over the default one, with a text colour that can be read on it. */

function luminance(color: string): number | null {
  const probe = document.createElement("canvas").getContext("2d");
  if (!probe) return null;
  probe.fillStyle = color;
  const hex = /^#(..)(..)(..)$/.exec(String(probe.fillStyle));
  if (!hex) return null;
  const [r = 0, g = 0, b = 0] = hex.slice(1).map((part) => {
    const c = Number.parseInt(part, 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function theme(accent: string): void {
  if (!accent || !CSS.supports("color", accent)) return;
  const light = luminance(accent);
  if (light === null) return;
  const root = document.documentElement.style;
  root.setProperty("--bank", accent);
  root.setProperty("--bank-on", light > 0.19 ? "#12161d" : "#ffffff");
  document.documentElement.classList.add("themed");
}
