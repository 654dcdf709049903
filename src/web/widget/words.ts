import { choose, type Like, type Translate, translator } from "../shared/i18n/index";
import { en } from "../shared/i18n/widget.en";
import { sw } from "../shared/i18n/widget.sw";

export type Words = Like<typeof en>;
export type T = Translate<Words>;

const CATALOGUES: Record<string, Words> = { en, sw };

/* The page's language where there are words for it and the bank offers it, else the browser's. */
export function words(lang: string, offered: readonly string[]): { t: T; lang: string } {
  const there = Object.keys(CATALOGUES).filter((l) => !offered.length || offered.includes(l));
  const chosen = choose([lang, ...navigator.languages], there.length ? there : ["en"]);
  return { t: translator(CATALOGUES[chosen] ?? en, chosen), lang: chosen };
}
