/* Who can be heard in a call right now: the daemon's rule, for the label of the level meter. */
import type { Call, Id, Part, Person } from "../shared/protocol";

export interface Heard {
  customer: boolean;
  staff: Person[];
}

/* part: mine in a call of somebody else; null for the agent of the call. */
export function heardBy(me: Id | undefined, call: Call, part: Part | null): Heard {
  const parties = call.parties ?? [];
  const consult = parties.find((p) => p.role === "consult");
  const talk = consult?.talk ?? "all";
  const nobody = { customer: false, staff: [] };
  if (part?.role === "consult" && talk === "customer") return nobody;
  const customer = call.state !== "held" && talk !== "colleague";
  const staff: Person[] = [];
  if (part && call.staff) staff.push(call.staff);
  for (const p of parties) {
    const speaks =
      p.role === "consult"
        ? talk !== "customer"
        : p.role === "barge" || (p.role === "whisper" && !part);
    if (p.state === "open" && p.staff.id !== me && speaks) staff.push(p.staff);
  }
  return { customer, staff };
}
