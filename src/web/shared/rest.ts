/* The REST side of docs/protocol.md 3: one function, problems as exceptions. */
import { type Problem, ProblemError } from "./protocol";

export interface Credentials {
  /* Header fields of a request; asked anew for each, so that a token may be renewed. */
  headers(): Promise<Record<string, string>>;
  /* The credentials were refused: drop what is cached. */
  refused(): void;
}

export type Rest = <T>(method: string, path: string, body?: unknown, ms?: number) => Promise<T>;

/* After a change of address, a browser may send on a connection whose other end hears it no more, and wait for minutes. */
const ANSWER_MS = 15000;

/* Network trouble arrives as a problem too (status 0, code "network"), so callers tell one kind; so does a request
 * without a whole answer after ms, whose connection the browser then closes. */
export function makeRest(credentials: Credentials, base = "/api/support"): Rest {
  return async <T>(method: string, path: string, body?: unknown, ms = ANSWER_MS): Promise<T> => {
    const headers = await credentials.headers();
    const signal = AbortSignal.timeout(ms);
    const init: RequestInit = {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal,
    };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await fetch(base + path, init);
    } catch {
      throw new ProblemError({ status: 0, code: "network" });
    }
    if (response.status === 204) return undefined as T;
    const json: unknown = await response.json().catch(() => null);
    if (json === null && signal.aborted) throw new ProblemError({ status: 0, code: "network" });
    if (response.ok && json !== null) return json as T;
    const problem = { status: response.status, code: "bad_answer", ...(json as object | null) };
    /* A wrong password says nothing about who asks. */
    if (response.status === 401 && problem.code !== "bad_credentials") credentials.refused();
    throw new ProblemError(problem as Problem);
  };
}
