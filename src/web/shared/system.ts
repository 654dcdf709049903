/* Words of a system message: its code chooses them, its params fill them. */
import { duration } from "./format";
import type { Message } from "./protocol";

interface Finder {
  find(key: string, values?: Record<string, string | number>): string | null;
}

/* null: there are no words for this code. nobody stands for a name that did not come. */
export function systemWords(t: Finder, m: Message, nobody: string): string | null {
  const name = m.params?.staff_name ?? nobody;
  return t.find(`sys_${m.body}`, { name, duration: duration(m.params?.duration_ms ?? 0) });
}
