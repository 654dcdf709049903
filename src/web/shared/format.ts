/* Times and durations for people, by Intl. */

export function clock(iso: string, lang: string): string {
  return new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit" }).format(
    new Date(iso),
  );
}

/* The local calendar day, as a key that compares. */
export function dayKey(iso: string): string {
  const d = new Date(iso);
  return `${d.getFullYear()}-${d.getMonth()}-${d.getDate()}`;
}

export function dayName(iso: string, lang: string, now = new Date()): string {
  const d = new Date(iso);
  const days = Math.round(
    (Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) -
      Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())) /
      86400000,
  );
  if (days === 0 || days === -1) {
    const word = new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(days, "day");
    return word.charAt(0).toLocaleUpperCase(lang) + word.slice(1);
  }
  const year = d.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  return new Intl.DateTimeFormat(lang, { day: "numeric", month: "long", ...year }).format(d);
}

/* 0:07, 12:31, 1:02:03. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const rest = `${Math.floor(s / 60) % 60}:${two(s % 60)}`;
  return s < 3600 ? rest : `${Math.floor(s / 3600)}:${rest.padStart(5, "0")}`;
}

/* Whole minutes, at least 1. */
export function minutes(ms: number): number {
  return Math.max(1, Math.round(ms / 60000));
}
