/* Messages that the daemon has not acknowledged yet, kept over a reload of the tab. sessionStorage
 * of the daemon's own origin: other tabs do not see it, and it ends with the tab. The key holds the
 * user's id, so nobody sends what another person typed. */
import type { Id } from "./protocol";

export interface OutItem {
  client_id: Id;
  /* null: the chat is yet to be started, by client_key. */
  chat_id: Id | null;
  kind: "message" | "note";
  body: string;
  at: number;
  /* Code of the refusal; undefined while it is still being sent. */
  failed?: string;
}

interface Kept {
  items: OutItem[];
  /* Key of the chat start that has not been answered: repeated, it gives the same chat. */
  client_key: Id | null;
}

export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class Outbox {
  items: OutItem[] = [];
  clientKey: Id | null = null;
  private key: string | null = null;

  constructor(private readonly store: Store | null) {}

  /* Takes the box of this user from the store; what was typed before the first welcome joins it. */
  attach(user: Id): void {
    const key = `supportd.out.${user}`;
    if (this.key === key) return;
    const typed = this.key === null ? this.items : [];
    const typedKey = this.key === null ? this.clientKey : null;
    this.key = key;
    this.items = [];
    this.clientKey = null;
    try {
      const kept = JSON.parse(this.store?.getItem(key) ?? "null") as Kept | null;
      if (Array.isArray(kept?.items)) {
        this.items = kept.items;
        this.clientKey = kept.client_key;
      }
    } catch {
      /* Unreadable: as if empty. */
    }
    this.items.push(...typed);
    this.clientKey ??= typedKey;
    this.save();
  }

  add(item: OutItem): void {
    this.items.push(item);
    this.save();
  }

  remove(clientId: Id | null): boolean {
    const left = this.items.filter((i) => i.client_id !== clientId);
    if (left.length === this.items.length) return false;
    this.items = left;
    this.save();
    return true;
  }

  of(chatId: Id | null): OutItem[] {
    return this.items.filter((i) => i.chat_id === chatId);
  }

  save(): void {
    if (!this.key || !this.store) return;
    try {
      if (!this.items.length && !this.clientKey) this.store.removeItem(this.key);
      else {
        const kept: Kept = { items: this.items, client_key: this.clientKey };
        this.store.setItem(this.key, JSON.stringify(kept));
      }
    } catch {
      /* Storage full or forbidden: the items still live in memory. */
    }
  }
}

export function tabStore(): Store | null {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
