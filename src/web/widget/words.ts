import { choose, type Like, type Translate, translator } from "../shared/i18n/index";
import { en } from "../shared/i18n/widget.en";

export type Words = Like<typeof en>;
export type T = Translate<Words>;

/* English is always at hand; each other language comes when it is chosen. */
const MORE: Record<string, () => Promise<Words>> = {
  sw: () => import("../shared/i18n/widget.sw").then((m) => m.sw),
};

/* The page's language where there are words for it and the bank offers it, else the browser's. */
export async function chooseWords(
  lang: string,
  offered: readonly string[],
): Promise<{ t: T; lang: string }> {
  const there = ["en", ...Object.keys(MORE)].filter((l) => !offered.length || offered.includes(l));
  const chosen = choose([lang, ...navigator.languages], there.length ? there : ["en"]);
  const more = await MORE[chosen]?.().catch(() => null);
  return more
    ? { t: translator(more, chosen), lang: chosen }
    : { t: translator<Words>(en, "en"), lang: "en" };
}
