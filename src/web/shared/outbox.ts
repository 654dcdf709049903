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
  private _key: string | null = null;

  constructor(private readonly _store: Store | null) {}

  /* Takes the box of this user from the store; what was typed before the first welcome joins it. */
  attach(user: Id): void {
    const key = `supportd.out.${user}`;
    if (this._key === key) return;
    const typed = this._key === null ? this.items : [];
    const typedKey = this._key === null ? this.clientKey : null;
    this._key = key;
    this.items = [];
    this.clientKey = null;
    try {
      const kept = JSON.parse(this._store?.getItem(key) ?? "null") as Kept | null;
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
    if (!this._key || !this._store) return;
    try {
      if (!this.items.length && !this.clientKey) this._store.removeItem(this._key);
      else {
        const kept: Kept = { items: this.items, client_key: this.clientKey };
        this._store.setItem(this._key, JSON.stringify(kept));
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
