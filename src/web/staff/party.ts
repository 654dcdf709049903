/* Parts in calls of others: asked by a colleague, or supervising. */
import { signal } from "@preact/signals";
import { type Id, type List, type Part, ProblemError, type Supervision } from "../shared/protocol";
import type { Rest } from "../shared/rest";
import type { AgentCall } from "./call";

export interface AskedPart extends Part {
  /* On the clock of performance.now(). */
  until: number;
}

export class Party {
  /* Who asks me now. */
  readonly asked = signal<AskedPart | null>(null);
  /* The call of somebody else in which I am. */
  readonly open = signal<Part | null>(null);
  readonly busy = signal(false);
  readonly problem = signal<string | null>(null);

  constructor(
    private readonly _rest: Rest,
    private readonly _call: AgentCall,
    private readonly _o: {
      asks(part: Part): void;
      quiet(callId: Id): void;
      over(part: Part): void;
      /* The call of this part is mine now. */
      mine(part: Part): void;
    },
  ) {}

  async refresh(): Promise<void> {
    /* News that come while the answer is under way are newer than the answer. */
    const before = [this.asked.value, this.open.value];
    const { items } = await this._rest<List<Part>>("GET", "/call-parties");
    const live = new Set(items.map((p) => p.call_id));
    for (const old of [this.asked.value, this.open.value])
      if (old && before.includes(old) && !live.has(old.call_id))
        this._closed({ ...old, state: "closed", reason: null });
    for (const part of items) this.take(part);
  }

  take(part: Part): void {
    if (part.state === "asked") this._ask(part);
    else if (part.state === "open") this._opened(part);
    else this._closed(part);
  }

  private _ask(part: Part): void {
    if (this.asked.value?.call_id === part.call_id) return;
    this.problem.value = null;
    this.asked.value = { ...part, until: performance.now() + (part.remaining_ms ?? 30000) };
    this._call.ring(part.call_id);
    this._o.asks(part);
  }

  private _opened(part: Part): void {
    const old = this.open.value;
    const known = old?.call_id === part.call_id || this._call.kept(part.call_id);
    this._stopAsking(part.call_id);
    /* Of several windows only the one that joined has the sound. */
    if (!known) return;
    this.open.value = part;
    if (old?.role !== part.role) this._call.join(part.call_id, part.role !== "listen");
  }

  private _closed(part: Part): void {
    this._stopAsking(part.call_id);
    if (part.reason === "switched") return;
    if (this.open.value?.call_id === part.call_id) {
      this.open.value = null;
      if (part.reason === "completed") {
        this._call.answered(part.call_id);
        this._o.mine(part);
        return;
      }
      this._call.part(part.call_id);
    } else this._call.unring(part.call_id);
    this._o.over(part);
  }

  private _stopAsking(id: Id): void {
    if (this.asked.value?.call_id !== id) return;
    this.asked.value = null;
    this._o.quiet(id);
  }

  /* Null, or the code of what stands in the way. */
  private async _try(work: () => Promise<unknown>): Promise<string | null> {
    if (this.busy.value) return null;
    this.busy.value = true;
    try {
      await work();
      return null;
    } catch (e) {
      return e instanceof ProblemError ? e.problem.code : "network";
    } finally {
      this.busy.value = false;
    }
  }

  async accept(): Promise<void> {
    const part = this.asked.value;
    if (!part) return;
    const mic = await this._call.microphone();
    if (mic) {
      this.problem.value = `offer_mic_${mic}`;
      return;
    }
    const code = await this._try(() =>
      this._rest("POST", `/calls/${part.call_id}/consult/accept`, {}),
    );
    if (code) this.problem.value = code === "consult_gone" ? "offer_gone" : "offer_failed";
    else this._join({ ...part, state: "open" });
  }

  async decline(): Promise<void> {
    const part = this.asked.value;
    if (!part) return;
    const code = await this._try(() => this._rest("DELETE", `/calls/${part.call_id}/consult`));
    if (code && code !== "consult_gone") this.problem.value = "offer_failed";
    else this._closed({ ...part, state: "closed", reason: "declined" });
  }

  private _join(part: Part): void {
    this._stopAsking(part.call_id);
    this.open.value = part;
    this._call.join(part.call_id, part.role !== "listen");
  }

  /* Begins to supervise, or switches. */
  async supervise(of: Pick<Part, "call_id" | "chat_id" | "customer">, mode: Supervision) {
    const mic = mode === "listen" ? null : await this._call.microphone();
    if (mic) return `offer_mic_${mic}`;
    const code = await this._try(() =>
      this._rest("POST", `/calls/${of.call_id}/supervise`, { mode }),
    );
    if (code) return code === "parties_limit" ? "sup_limit" : "sup_failed";
    this._join({
      call_id: of.call_id,
      chat_id: of.chat_id,
      customer: of.customer,
      role: mode,
      state: "open",
      reason: null,
      from: null,
      expires_at: null,
      remaining_ms: null,
    });
    return null;
  }

  async leave(): Promise<void> {
    const part = this.open.value;
    if (!part) return;
    const what = part.role === "consult" ? "consult" : "supervise";
    /* Silence at once; the daemon also sees the leg go. */
    this._closed({ ...part, state: "closed", reason: "left" });
    await this._try(() => this._rest("DELETE", `/calls/${part.call_id}/${what}`));
  }
}
