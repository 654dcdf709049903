/* Words by language. A catalogue is a flat object; a value with numbers in it may have plural forms.
 * A new language: a file beside en.ts typed as its catalogue, and a line where the page lists them. */

export type Forms = { one?: string; other: string };
export type Catalogue = Record<string, string | Forms>;
export type Params = Record<string, string | number>;

const RTL = new Set(["ar", "fa", "he", "ur"]);

export function direction(lang: string): "ltr" | "rtl" {
  return RTL.has(lang.split("-")[0] ?? "") ? "rtl" : "ltr";
}

/* The first wanted language that is there, region ignored; else the first there is. */
export function choose(wanted: readonly string[], there: readonly string[]): string {
  for (const lang of wanted) {
    const base = lang.toLowerCase().split("-")[0] ?? "";
    if (there.includes(base)) return base;
  }
  return there[0] ?? "en";
}

export function fill(template: string, params: Params): string {
  return template.replace(/\{(\w+)\}/g, (whole, key: string) =>
    key in params ? String(params[key]) : whole,
  );
}

/* Key -> words; {name} is filled from params, plural forms are chosen by params.n. */
export function translator<C extends Catalogue>(catalogue: C, lang: string) {
  const rules = new Intl.PluralRules(lang);
  const t = (key: keyof C & string, params: Params = {}): string => {
    const entry = catalogue[key];
    if (entry === undefined) return key;
    if (typeof entry === "string") return fill(entry, params);
    const form = rules.select(Number(params.n ?? 0));
    return fill((form === "one" && entry.one) || entry.other, params);
  };
  /* For keys that are put together from what the daemon says; null when there are no such words. */
  t.find = (key: string, params: Params = {}): string | null =>
    key in catalogue ? t(key as keyof C & string, params) : null;
  return t;
}

export type Translate<C extends Catalogue> = ReturnType<typeof translator<C>>;

/* A catalogue of another language: the same keys, no more, no fewer. */
export type Like<C extends Catalogue> = {
  [K in keyof C]: C[K] extends string ? string : Forms;
};
