/* The bank's accent over the default one; on: a colour that can be read on it. */
export function theme(accent: string, on: string): void {
  if (!accent || !CSS.supports("color", accent) || !CSS.supports("color", on)) return;
  const root = document.documentElement;
  root.style.setProperty("--bank", accent);
  root.style.setProperty("--bank-on", on);
  root.classList.add("themed");
}
