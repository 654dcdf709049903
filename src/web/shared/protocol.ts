/* Types of docs/protocol.md: objects, frames, errors. Unknown fields are ignored by reading only
 * what is named here. */

export type Id = string;

export interface Problem {
  status: number;
  code: string;
  title?: string;
  detail?: string;
  field?: string;
  retry_after_ms?: number;
}

export interface Sender {
  kind: "customer" | "staff" | "system";
  id: Id | null;
  name: string | null;
}

export interface Message {
  id: Id;
  chat_id: Id;
  kind: "message" | "note" | "system";
  seq?: number;
  note_seq?: number;
  sender: Sender;
  client_id: Id | null;
  body: string;
  /* Of a system message: what its code speaks of. */
  params?: { staff_id?: Id; staff_name?: string; duration_ms?: number };
  masked: string[];
  created_at: string;
}

export interface Mark {
  kind: "customer" | "staff";
  id: Id;
  delivered_seq: number;
  read_seq: number;
  note_read_seq?: number;
}

export type CallState = "queued" | "ringing" | "active" | "held" | "calling" | "ended";

export interface Person {
  id: Id;
  name: string | null;
}

export interface ChatState {
  id: Id;
  status: "open" | "queued" | "assigned" | "closed";
  channel: "chat" | "voice";
  seq: number;
  rev: number;
  note_seq?: number;
  created_at: string;
  closed_at: string | null;
  close_reason: string | null;
  customer: { id: Id; name?: string | null; language: string | null };
  assigned: { id: Id; name: string; since: string } | null;
  marks: Mark[];
  tags?: string[];
  queue: { entry_id: Id; queued_at: string; escalation: number } | null;
  call: {
    id: Id;
    state: CallState;
    started_at: string;
    answered_at: string | null;
    staff_id: Id | null;
  } | null;
}

export interface ChatListItem {
  id: Id;
  status: ChatState["status"];
  channel: ChatState["channel"];
  customer: { id: Id; name: string | null };
  assigned: { id: Id; name: string } | null;
  tags?: string[];
  seq: number;
  rev: number;
  read_seq: number;
  last_message_at: string | null;
  created_at: string;
  closed_at: string | null;
}

export interface Offer {
  id: Id;
  kind: "chat" | "call" | "callback";
  entry_id: Id;
  chat_id: Id;
  call_id: Id | null;
  customer: Person;
  created_at: string;
  expires_at: string;
  remaining_ms: number;
  transfer?: { from: Person; note: string | null; back: boolean } | null;
}

export interface QueueEntry {
  id: Id;
  kind: "chat" | "call" | "callback";
  chat_id: Id;
  call_id: Id | null;
  customer: Person;
  language: string | null;
  state: "waiting" | "offered";
  priority: number;
  queued_at: string;
  escalation: number;
  offered_to: Id | null;
}

export interface Call {
  id: Id;
  chat_id: Id;
  state: CallState;
  end_reason: string | null;
  created_at: string;
  ringing_at: string | null;
  answered_at: string | null;
  ended_at: string | null;
  hold_ms: number;
  held_at: string | null;
  recording: "off" | "on" | "paused";
  staff: { id: Id; name: string } | null;
  transfer: {
    from: Person;
    kind: TargetKind;
    to: string;
    state: "offered" | "returning" | "queued";
  } | null;
  callback: {
    requested_at: string;
    attempts: number;
    max_attempts: number;
    ring_until: string | null;
    outcome: "not_reachable" | "no_answer" | null;
  } | null;
  rating: { score: number; comment: string | null } | null;
  rate_until: string | null;
  on_hold?: boolean;
  /* Who else has a part in it; staff only. */
  parties?: Party[];
}

export type TargetKind = "staff" | "team" | "skill";
export type Supervision = "listen" | "whisper" | "barge";
export type TalkWith = "colleague" | "customer" | "all";

export interface Party {
  id: Id;
  staff: Person;
  role: "consult" | Supervision;
  state: "asked" | "open";
  talk?: TalkWith | null;
  since: string;
  expires_at: string | null;
}

export interface CustomerInfo {
  id: Id;
  name: string | null;
  email: string | null;
  language: string | null;
  created_at: string;
  open_chat_id: Id | null;
  chats: number;
}

/* A chat in the list of a customer's. */
export interface ContactRow {
  id: Id;
  status: ChatState["status"];
  channel: ChatState["channel"];
  assigned: Person | null;
  created_at: string;
  closed_at: string | null;
}

/* A call that I may supervise. */
export interface LiveCall {
  id: Id;
  chat_id: Id;
  state: string;
  customer: Person;
  staff: Person;
  answered_at: string;
  recording: string;
}

/* My part in a call of somebody else. */
export interface Part {
  call_id: Id;
  chat_id: Id;
  role: Party["role"];
  state: "asked" | "open" | "closed";
  reason: string | null;
  customer: Person;
  from: Person | null;
  expires_at: string | null;
  remaining_ms: number | null;
}

export interface Targets {
  staff: { id: Id; name: string; free: boolean }[];
  teams: { id: Id; name: string; available: number }[];
  skills: { name: string; available: number }[];
}

export interface MissedCall {
  id: Id;
  chat_id: Id;
  customer: Person;
  created_at: string;
  queued_at: string;
  ended_at: string;
  end_reason: string;
  wait_ms: number;
  asked: { staff: Person; state: string; at: string }[];
}

export interface Recording {
  id: Id;
  call_id: Id;
  state: "on" | "paused" | "ended" | "broken";
  customer: Person;
  staff: Person | null;
  started_at: string;
  ended_at: string | null;
  duration_ms: number | null;
  incomplete: boolean;
  gap_ms: number;
  pauses: { from_ms: number; to_ms: number | null; reason: "agent" | "card" }[];
  tracks: number;
  parties: { track: number; role: "agent" | "consult" | "barge"; from_ms: number; staff: Person }[];
}

export interface Waveform {
  step_ms: number;
  peaks: number[];
}

export interface Presence {
  chosen: "available" | "away" | "offline";
  reason: string | null;
  connected: boolean;
  load: number;
  capacity: number;
  auto_answer?: boolean;
  wrap_until?: string | null;
  wrap_left_ms?: number | null;
}

export interface Me {
  id: Id;
  kind: "customer" | "staff";
  name: string | null;
  role: string;
  presence?: Presence;
}

/* One direction of a leg; the MOS values are estimates. */
export interface Direction {
  packets: number;
  lost: number;
  loss_pct?: number;
  residual_loss_pct?: number | null;
  jitter_ms: number | null;
  mos_lq?: number | null;
  mos_cq?: number | null;
}
export interface Leg {
  party: "customer" | "agent";
  sample?: number;
  connected: boolean;
  relayed: boolean;
  rtt_ms: number | null;
  drift_ppm?: number | null;
  codec?: {
    bandwidth: "nb" | "mb" | "wb" | "swb" | "fb";
    frame_ms: number;
    bitrate: number;
    fec_pct: number;
    dtx_pct: number;
  } | null;
  in: Direction & {
    recovered?: number;
    late?: number;
    duplicates?: number;
    reordered?: number;
    burst_ratio?: number;
    level_dbov?: number | null;
    voice_pct?: number;
    no_packet_ms?: number;
    no_voice_ms?: number;
  };
  out: Direction;
  /* What the browser of this leg reported last. */
  client?: {
    loss_pct: number;
    concealed_pct: number | null;
    jitter_ms: number | null;
    buffer_ms: number | null;
    rtt_ms: number | null;
    path: "host" | "srflx" | "prflx" | "relay" | null;
  } | null;
  verdicts: string[];
}

export interface List<T> {
  items: T[];
  next: string | null;
}

export interface WidgetConfig {
  features: { chat: boolean; call: boolean; callback?: boolean; ratings?: boolean };
  languages: string[];
  limits: { message_chars: number };
  site: { name: string };
}

export interface Resume {
  chat_id: Id;
  seq: number;
  note_seq?: number;
  rev: number;
}

/* --- frames from the daemon --- */
export interface Welcome {
  type: "welcome";
  me: Me;
  server_time: string;
  /* null: no end is known. */
  expires_at: string | null;
  ping_interval_ms: number;
  retry: { min_ms: number; max_ms: number };
  ice_servers: RTCIceServer[];
}
export interface ChatResumed {
  type: "chat.resumed";
  chat_id: Id;
  messages: Message[];
  notes?: Message[];
  remasked?: Message[];
  more: boolean;
  state: ChatState;
  state_hash: string;
}
export interface QueuePosition {
  type: "queue.position";
  chat_id: Id;
  entry_id: Id;
  kind: QueueEntry["kind"];
  position: number;
  wait_low_ms: number | null;
  wait_high_ms: number | null;
}
export interface CallQuality {
  type: "call.quality";
  call_id: Id;
  at: string;
  legs: Leg[];
}
/* The customer's share of it: no figures, but what to do. */
export interface CallAdvice {
  type: "call.advice";
  call_id: Id;
  at: string;
  connected: boolean;
  other_connected: boolean;
  advice: { verdict: string; advice: string }[];
}
/* What getStats says of the own leg; docs/protocol.md 4.5. */
export interface CallStats {
  type: "call.stats";
  call_id: Id;
  received: number;
  lost: number;
  discarded?: number;
  samples?: number;
  concealed?: number;
  silent_concealed?: number;
  sent?: number;
  buffer_ms?: number;
  buffered?: number;
  jitter_us?: number;
  rtt_us?: number;
  level_dbov?: number;
  mic_dbov?: number;
  path?: "host" | "srflx" | "prflx" | "relay";
}
export interface CallStateFrame {
  type: "call.state";
  call: Call;
  muted?: { customer: boolean; agent: boolean };
  legs?: LegStates;
}
export type LegSeen = "none" | "connecting" | "connected" | "lost";
export interface LegStates {
  customer: LegSeen;
  agent: LegSeen;
}
export interface CallRing {
  type: "call.ring";
  call_id: Id;
  staff: Person;
  expires_at: string;
  remaining_ms: number;
}

export type ServerFrame = { id?: string } & (
  | Welcome
  | ChatResumed
  | { type: "message.ack"; chat_id: Id; client_id: Id; repeated: boolean; message: Message }
  | { type: "message.new"; chat_id: Id; message: Message }
  | { type: "message.masked"; chat_id: Id; rev: number; message: Message }
  | { type: "chat.state"; chat_id: Id; state: ChatState; state_hash: string }
  | {
      type: "chat.typing";
      chat_id: Id;
      who: { kind: "customer" | "staff"; name: string | null };
      active: boolean;
    }
  | { type: "chat.presence"; chat_id: Id; customer_connected: boolean; agent_connected: boolean }
  | QueuePosition
  | { type: "queue.timeout"; chat_id: Id; entry_id: Id; step: number }
  | { type: "queue.state"; items: QueueEntry[]; waiting: number }
  | { type: "live.state"; items: LiveCall[] }
  | { type: "offer.new"; offer: Offer }
  | { type: "offer.gone"; offer_id: Id; outcome: string }
  | ({ type: "me.presence" } & Presence)
  | CallStateFrame
  | CallRing
  | { type: "call.party"; party: Part }
  | { type: "call.answer"; call_id: Id; sdp: string }
  | { type: "call.candidate"; call_id: Id; candidate: string }
  | { type: "call.restart"; call_id: Id; reason: string }
  | { type: "ice.servers"; ice_servers: RTCIceServer[] }
  | CallQuality
  | CallAdvice
  | { type: "ok" }
  | { type: "auth.renewed"; expires_at: string | null }
  | { type: "pong"; server_time: string }
  | { type: "bye"; reason: string; retry_after_ms: number }
  | { type: "error"; error: Problem }
);

/* --- frames to the daemon --- */
export type ClientFrame =
  | { type: "hello"; token?: string; ticket?: string; resume?: Resume[] }
  | { type: "chat.open"; chat_id: Id; seq: number; note_seq?: number; rev: number }
  | { type: "chat.leave"; chat_id: Id }
  | { type: "message.send"; chat_id: Id; client_id: Id; body: string }
  | { type: "note.send"; chat_id: Id; client_id: Id; body: string }
  | { type: "chat.receipt"; chat_id: Id; delivered_seq?: number; read_seq?: number }
  | { type: "chat.typing"; chat_id: Id; active: boolean }
  | { type: "call.offer"; call_id: Id; sdp: string }
  | { type: "call.candidate"; call_id: Id; candidate: string }
  | { type: "call.mute"; call_id: Id; muted: boolean }
  | CallStats
  | { type: "live.open" }
  | { type: "live.leave" }
  | { type: "auth.renew"; token?: string; ticket?: string }
  | { type: "ping" };

/* An answer of the daemon that is an error: REST problem document or error frame. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code);
  }
}
