/* A new password under way. The daemon ends all sessions of the account with it, so that other
 * requests and the socket may be refused before the answer is here: that waits for the answer,
 * which alone says whether one was signed out by the change. */
import { ProblemError } from "../shared/protocol";
import type { Rest } from "../shared/rest";

export type PasswordProblem =
  | "password_wrong"
  | "login_locked"
  | "password_bad"
  | "password_failed";

function problem(e: unknown): PasswordProblem {
  const { code, status } = e instanceof ProblemError ? e.problem : { code: "", status: 0 };
  if (code === "bad_credentials") return "password_wrong";
  if (code === "locked" || status === 429) return "login_locked";
  return status === 422 ? "password_bad" : "password_failed";
}

export class NewPassword {
  private _under: Promise<PasswordProblem | null> | null = null;
  private _refused = false;
  private _changed = false;
  private _left = false;

  constructor(
    private readonly rest: Rest,
    /* changed: at most once, never after leave(). signedOut: a refusal that was held back. */
    private readonly on: { changed: () => void; signedOut: () => void },
  ) {}

  /* Null when changed; else what to say. A second call while one is under way is that one. */
  change(old: string, fresh: string): Promise<PasswordProblem | null> {
    this._under ??= this._change(old, fresh);
    return this._under;
  }

  /* The session is refused: true when nothing is to be done about it now. */
  refused(): boolean {
    if (this._under) this._refused = true;
    return this._under !== null || this._changed;
  }

  /* Somebody signs out: an answer that comes later changes nothing any more. */
  leave(): void {
    this._left = true;
  }

  private async _change(old: string, fresh: string): Promise<PasswordProblem | null> {
    this._refused = false;
    try {
      await this.rest("PUT", "/me/password", { old_password: old, new_password: fresh });
    } catch (e) {
      this._under = null; /* first: from here on a refusal is not held back */
      if (this._refused && !this._left) this.on.signedOut();
      return problem(e);
    }
    this._under = null;
    if (!this._left) {
      this._changed = true;
      this.on.changed();
    }
    return null;
  }
}
