/* A stand-in for the daemon, for looking at the pages and for tests of the browser side alone: it
 * speaks docs/protocol.md from memory, keeps nothing, checks nothing. Nothing else may use it: what
 * the product does is shown by tests against the real daemon. */
import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { makeAssets } from "../../../src/web/build.mjs";
import { callRoute, newCallFields } from "./calls.mjs";
import { accept } from "./ws.mjs";

export const WANJA = "0192f0c4-00aa-7abc-8def-000000000000";
export const OTIENO = "0192f0c4-00ab-7abc-8def-000000000000";
const ADVICE = {
  no_packets: "check_connection",
  silent_microphone: "check_microphone",
  loss_up: "move_closer",
  loss_down: "move_closer",
  high_delay: "take_turns",
  high_jitter: "pause_downloads",
  low_mos: "move_closer",
};
export const AMINA = "0192f0c4-00bb-7abc-8def-000000000000";
const NAMES = { [WANJA]: "Wanja Kimani", [OTIENO]: "Brian Otieno", [AMINA]: "Amina Otieno" };

const SHORT = {
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  '"': '\\"',
  "\\": "\\\\",
};
const quote = (s) =>
  `"${[...s].map((c) => SHORT[c] ?? (c < " " ? `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}` : c)).join("")}"`;
function canonical(v) {
  if (v === null || typeof v !== "object") return typeof v === "string" ? quote(v) : String(v);
  if (Array.isArray(v)) return `[${v.map(canonical).join(",")}]`;
  return `{${Object.keys(v)
    .sort()
    .map((k) => `${quote(k)}:${canonical(v[k])}`)
    .join(",")}}`;
}
export const hashOf = (state) => createHash("sha256").update(canonical(state)).digest("hex");

const LEGS = { customer: "connected", agent: "connected" };

export class FakeDaemon {
  chats = new Map();
  queue = [];
  offers = [];
  calls = new Map();
  clients = new Set();
  config = {
    features: { chat: true, call: true, callback: true, ratings: true },
    languages: ["en", "sw"],
    limits: { message_chars: 4000 },
    site: { name: "Baobab Bank" },
  };
  presence = {
    chosen: "available",
    reason: null,
    connected: true,
    load: 2,
    capacity: 4,
    auto_answer: false,
  };
  session = false;
  /* (body) -> [body, categories] */
  mask = (body) => {
    const out = body.replace(/\b(?:\d[ -]?){12}(\d{4})\b/g, "**** **** **** $1");
    return [out, out === body ? [] : ["card"]];
  };
  /* Answers a call.offer: (callId, sdp) -> sdp; null: never answered. */
  answer = null;
  candidate = () => undefined;
  frames = [];
  down = false;
  role = "agent";
  live = [];
  missed = [];
  recordings = [];
  parts = [];
  /* An Ogg Opus file; what was asked of it. */
  track = Buffer.alloc(0);
  ranges = [];
  /* Paths of all requests. */
  asked = [];

  async start(port = 0) {
    this.assets = new Map((await makeAssets()).map((f) => [f.path, f]));
    this.server = createServer((req, res) => void this.http(req, res));
    this.server.on("upgrade", (req, socket) => this.upgrade(req, socket));
    await new Promise((resolve) => this.server.listen(port, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this.url;
  }

  async stop() {
    this.cut(1001);
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /* Closes every socket; down: the next ones, too. */
  cut(code, down = this.down) {
    this.down = down;
    for (const c of [...this.clients]) c.ws.close(code);
  }

  send(to, frame) {
    for (const c of this.clients) if (c.me === to) c.ws.send(JSON.stringify(frame));
  }

  everyone(chat, frame) {
    this.send(chat.customer, frame);
    if (chat.state.assigned && !this.slow) this.send(chat.state.assigned.id, frame);
  }

  newChat(customer = WANJA, more = {}) {
    const id = randomUUID();
    const at = new Date().toISOString();
    const chat = {
      id,
      customer,
      messages: [],
      notes: [],
      state: {
        id,
        status: "queued",
        channel: "chat",
        seq: 0,
        rev: 1,
        note_seq: 0,
        created_at: at,
        closed_at: null,
        close_reason: null,
        customer: { id: customer, name: NAMES[customer] ?? "Customer", language: "en" },
        assigned: null,
        marks: [{ kind: "customer", id: customer, delivered_seq: 0, read_seq: 0 }],
        tags: [],
        queue: { entry_id: randomUUID(), queued_at: at, escalation: 0 },
        call: null,
        ...more,
      },
    };
    this.chats.set(id, chat);
    return chat;
  }

  stateFor(chat, me) {
    const { note_seq, tags, customer, ...rest } = chat.state;
    if (me === AMINA) return { ...rest, customer, note_seq, tags };
    return { ...rest, customer: { id: customer.id, language: customer.language } };
  }

  change(chat, patch) {
    Object.assign(chat.state, patch);
    chat.state.rev++;
    this.news(chat);
  }

  /* While `slow`, staff hear of a chat by answers of REST alone; what they open comes when it ends. */
  news(chat) {
    for (const c of this.clients) {
      if (this.slow && c.me === AMINA) continue;
      if (c.me !== chat.customer && c.me !== AMINA) continue;
      const state = this.stateFor(chat, c.me);
      c.ws.send(
        JSON.stringify({ type: "chat.state", chat_id: chat.id, state, state_hash: hashOf(state) }),
      );
    }
  }

  assign(chat) {
    const mark = { kind: "staff", id: AMINA, delivered_seq: 0, read_seq: 0, note_read_seq: 0 };
    const assigned = { id: AMINA, name: NAMES[AMINA], since: new Date().toISOString() };
    this.change(chat, {
      status: "assigned",
      assigned,
      queue: null,
      marks: [...chat.state.marks, mark],
    });
    this.post(chat, "system", null, "assigned", {
      params: { staff_id: AMINA, staff_name: NAMES[AMINA] },
    });
  }

  post(chat, kind, sender, text, more = {}) {
    const known =
      more.client_id &&
      [...chat.messages, ...chat.notes].find((m) => m.client_id === more.client_id);
    if (known) return known;
    const [body, masked] = kind === "system" ? [text, []] : this.mask(text);
    const note = kind === "note";
    const seq = note ? ++chat.state.note_seq : ++chat.state.seq;
    const message = {
      id: randomUUID(),
      chat_id: chat.id,
      kind,
      ...(note ? { note_seq: seq } : { seq }),
      sender: {
        kind: kind === "system" ? "system" : sender === AMINA ? "staff" : "customer",
        id: sender,
        name: kind === "system" ? null : (NAMES[sender] ?? chat.state.customer.name),
      },
      client_id: more.client_id ?? (kind === "system" ? null : randomUUID()),
      body,
      ...(kind === "system" && { params: more.params ?? {} }),
      masked,
      created_at: more.at ?? new Date().toISOString(),
    };
    (note ? chat.notes : chat.messages).push(message);
    const frame = { type: "message.new", chat_id: chat.id, message };
    if (!note) this.send(chat.customer, frame);
    this.send(AMINA, frame);
    return message;
  }

  position(chat, position, low, high, kind = "chat") {
    this.send(chat.customer, {
      type: "queue.position",
      chat_id: chat.id,
      entry_id: chat.state.queue?.entry_id ?? randomUUID(),
      kind,
      position,
      wait_low_ms: low,
      wait_high_ms: high,
    });
  }

  enqueue(name, more = {}) {
    this.queue.push({
      id: randomUUID(),
      kind: "chat",
      chat_id: randomUUID(),
      call_id: null,
      customer: { id: randomUUID(), name },
      language: "en",
      state: "waiting",
      priority: 0,
      queued_at: new Date(Date.now() - 40000).toISOString(),
      escalation: 0,
      offered_to: null,
      ...more,
    });
    this.send(AMINA, {
      type: "queue.state",
      items: this.queue.slice(0, 50),
      waiting: this.queue.length,
    });
  }

  offer(chat, kind = "chat", ms = 20000, call = null, transfer = null) {
    const now = Date.now();
    const offer = {
      id: randomUUID(),
      kind,
      entry_id: chat.state.queue?.entry_id ?? randomUUID(),
      chat_id: chat.id,
      call_id: call?.id ?? null,
      customer: { id: chat.customer, name: chat.state.customer.name },
      created_at: new Date(now).toISOString(),
      expires_at: new Date(now + ms).toISOString(),
      remaining_ms: ms,
      transfer,
    };
    this.offers.push(offer);
    this.send(AMINA, { type: "offer.new", offer });
    if (call) this.callState(call, "ringing");
    return offer;
  }

  newCall(chat, state = "queued") {
    const call = {
      id: randomUUID(),
      chat_id: chat.id,
      state,
      end_reason: null,
      created_at: new Date().toISOString(),
      ringing_at: null,
      answered_at: null,
      ended_at: null,
      ...newCallFields(),
    };
    this.calls.set(call.id, call);
    this.change(chat, {
      call: { id: call.id, state, started_at: call.created_at, answered_at: null, staff_id: null },
    });
    return call;
  }

  callState(call, state, more = {}, muted = { customer: false, agent: false }, legs = LEGS) {
    const now = new Date().toISOString();
    Object.assign(
      call,
      { state },
      state === "active" && !call.answered_at ? { answered_at: now } : {},
      more,
    );
    if (state === "ended") call.ended_at = now;
    const chat = this.chats.get(call.chat_id);
    const { id, answered_at, created_at } = call;
    this.change(chat, {
      call:
        state === "ended"
          ? null
          : { id, state, started_at: created_at, answered_at, staff_id: call.staff?.id ?? null },
    });
    for (const to of [chat.customer, AMINA])
      this.send(to, { type: "call.state", call, muted, legs });
  }

  soon(ms = 30000) {
    return new Date(Date.now() + ms).toISOString();
  }

  callbackOf(more = {}) {
    return {
      requested_at: new Date().toISOString(),
      attempts: 0,
      max_attempts: 3,
      ring_until: null,
      outcome: null,
      ...more,
    };
  }

  wrapUp(ms, tell = true) {
    const wrap = { wrap_until: ms === null ? null : this.soon(ms), wrap_left_ms: ms };
    this.presence = { ...this.presence, ...wrap };
    if (tell) this.send(AMINA, { type: "me.presence", ...this.presence });
  }

  /* What the colleague or supervisor (always the same agent here) is told. */
  /* Other calls to supervise, told to who looks. */
  liveCalls(items) {
    this.live = items;
    for (const c of this.clients)
      if (c.live) c.ws.send(JSON.stringify({ type: "live.state", items }));
  }

  part(more) {
    const known = this.parts.find((p) => p.call_id === more.call_id);
    const part = { role: "listen", reason: null, from: null, expires_at: null, ...known, ...more };
    const chat = this.chats.get(this.calls.get(part.call_id)?.chat_id);
    part.chat_id = chat?.id ?? randomUUID();
    part.customer = chat?.state.customer ?? { id: WANJA, name: NAMES[WANJA] };
    part.remaining_ms = part.state === "asked" ? 30000 : null;
    this.parts = this.parts.filter((p) => p.call_id !== part.call_id);
    if (part.state !== "closed") this.parts.push(part);
    this.send(AMINA, { type: "call.party", party: part });
  }

  quality(call, customer = {}, agent = {}) {
    const leg = (party, more) => ({
      party,
      connected: true,
      relayed: false,
      rtt_ms: 24,
      in: {
        packets: 50,
        lost: 0,
        residual_loss_pct: 0,
        jitter_ms: 2.1,
        level_dbov: -24,
        mos_lq: 4.4,
        mos_cq: 4.3,
      },
      out: { packets: 50, lost: 0, jitter_ms: 1.4 },
      verdicts: [],
      ...more,
    });
    const frame = { type: "call.quality", call_id: call.id, at: new Date().toISOString() };
    const own = leg("customer", customer);
    this.send(this.chats.get(call.chat_id).customer, {
      ...frame,
      type: "call.advice",
      connected: own.connected,
      other_connected: true,
      advice: own.verdicts.map((verdict) => ({ verdict, advice: ADVICE[verdict] ?? "nothing" })),
    });
    this.send(AMINA, { ...frame, legs: [own, leg("agent", agent)] });
  }

  /* --- HTTP --- */

  async http(req, res) {
    const url = new URL(req.url, this.url);
    this.asked.push(url.pathname);
    let body = "";
    for await (const part of req) body += part;
    const json = body ? JSON.parse(body) : {};
    const reply = (status, value) => {
      res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
      res.end(value === undefined ? "" : JSON.stringify(value));
    };
    const asset = this.assets.get(url.pathname);
    if (asset) {
      const headers = {
        "Content-Type": asset.type,
        ETag: asset.etag,
        "X-Content-Type-Options": "nosniff",
      };
      if (asset.csp)
        headers["Content-Security-Policy"] = asset.csp.replace("{frame_ancestors}", "'self'");
      res.writeHead(200, headers);
      res.end(asset.data);
      return;
    }
    const track = /^\/api\/support\/recordings\/[0-9a-f-]+\/tracks\/(\d)$/.exec(url.pathname);
    if (track) return this.sendTrack(req, res, track[1]);
    if (this.down) return reply(503, { status: 503, code: "not_ready", title: "Not ready" });
    if (url.pathname === "/demo/login") return reply(200, { token: `jwt-${json.customer}` });
    if (!url.pathname.startsWith("/api/support/"))
      return reply(404, { status: 404, code: "not_found" });
    const bearer = /^Bearer jwt-(\w+)$/.exec(req.headers.authorization ?? "")?.[1];
    const me = bearer ? (bearer === "wanja" ? WANJA : OTIENO) : this.session ? AMINA : null;
    const path = url.pathname.slice("/api/support".length);
    const handled = this.route(req.method, path, json, me, reply, url);
    if (handled === false) reply(404, { status: 404, code: "not_found", title: "Not found" });
  }

  /* One byte range or the whole, as the daemon does. */
  sendTrack(req, res, track) {
    const data = this.track;
    const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? "");
    this.ranges.push({ track, range: req.headers.range ?? null });
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Math.min(Number(range[2]), data.length - 1) : data.length - 1;
    res.writeHead(range ? 206 : 200, {
      "Content-Type": "audio/ogg",
      "Accept-Ranges": "bytes",
      "Content-Length": to - from + 1,
      ...(range ? { "Content-Range": `bytes ${from}-${to}/${data.length}` } : {}),
    });
    res.end(data.subarray(from, to + 1));
  }

  meOf(me) {
    const staff = me === AMINA;
    return {
      id: me,
      kind: staff ? "staff" : "customer",
      name: NAMES[me],
      role: staff ? this.role : "customer",
      ...(staff ? { presence: this.presence } : {}),
    };
  }

  item(chat, me) {
    const { id, status, channel, customer, assigned, tags, seq, rev, created_at, closed_at } =
      chat.state;
    return {
      id,
      status,
      channel,
      customer: { id: customer.id, name: customer.name },
      assigned: assigned && { id: assigned.id, name: assigned.name },
      tags: me === AMINA ? tags : undefined,
      seq,
      rev,
      read_seq: 0,
      last_message_at: chat.messages.at(-1)?.created_at ?? null,
      created_at,
      closed_at,
    };
  }

  route(method, path, json, me, reply, url) {
    const key = `${method} ${path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID")}`;
    const id = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(path)?.[0];
    if (key === "GET /widget-config") return reply(200, this.config);
    if (key === "POST /session") {
      if (json.password !== "secret") return reply(401, { status: 401, code: "bad_credentials" });
      this.session = true;
      return reply(200, { csrf_token: "csrf", me: this.meOf(AMINA) });
    }
    if (!me) return reply(401, { status: 401, code: "no_credentials", title: "Sign in" });
    const chat = id && this.chats.get(id);
    const whole = (c) => {
      const state = this.stateFor(c, me);
      return { chat: state, state_hash: hashOf(state) };
    };
    const [status, answer] = callRoute(this, key, id, json, me) ?? [];
    if (status) return reply(status, answer);
    switch (key) {
      case "GET /session":
        return reply(200, { csrf_token: "csrf", me: this.meOf(AMINA) });
      case "DELETE /session":
        this.session = false;
        return reply(204);
      case "GET /me":
        return reply(200, this.meOf(me));
      case "PUT /me/presence":
        this.presence = { ...this.presence, chosen: json.chosen, reason: null };
        return reply(200, this.meOf(me));
      case "POST /ws-ticket":
        return reply(200, { ticket: `t-${me}`, expires_at: new Date().toISOString() });
      case "GET /chats": {
        const closed = url.searchParams.get("status") === "closed";
        const items = [...this.chats.values()].filter(
          (c) =>
            (c.state.status === "closed") === closed &&
            (me === AMINA ? c.state.assigned?.id === me : c.customer === me),
        );
        return reply(200, { items: items.map((c) => this.item(c, me)), next: null });
      }
      case "GET /queue":
        return reply(200, { items: this.queue.slice(0, 50), next: null });
      case "GET /offers":
        return reply(200, { items: this.offers, next: null });
      case "GET /calls":
        return reply(200, { items: [...this.calls.values()], next: null });
      case "POST /chat/start": {
        const open = [...this.chats.values()].find(
          (c) => c.customer === me && c.state.status !== "closed",
        );
        const c = open ?? this.newChat(me);
        const message =
          json.message && this.post(c, "message", me, json.message.body, json.message);
        return reply(open ? 200 : 201, { ...whole(c), message: message ?? null, created: !open });
      }
      case "POST /call/start": {
        const c =
          this.chats.get(json.chat_id) ??
          this.newChat(me, { channel: "voice", status: "open", queue: null });
        const call = this.newCall(c);
        return reply(201, { call, ...whole(c), ice_servers: [], created: true });
      }
      case "GET /calls/ID":
        return reply(200, { call: this.calls.get(id), quality: null });
      case "POST /calls/ID/end": {
        const call = this.calls.get(id);
        const reason =
          me === AMINA ? "agent_hangup" : call.answered_at ? "customer_hangup" : "abandoned";
        const rate = call.answered_at && this.config.features.ratings ? this.soon(600000) : null;
        if (call.state !== "ended")
          this.callState(call, "ended", { end_reason: reason, rate_until: rate });
        return reply(200, { call });
      }
      case "GET /customers/ID": {
        const found = [...this.chats.values()].filter((c) => c.customer === id);
        return reply(200, {
          customer: {
            ...found[0].state.customer,
            email: "a.rather.long.address@customers.baobab-bank.example",
            created_at: new Date(Date.now() - 400 * 86400000).toISOString(),
            open_chat_id: null,
            chats: found.length,
          },
        });
      }
      case "GET /customers/ID/chats": {
        const found = [...this.chats.values()].filter((c) => c.customer === id);
        return reply(200, { items: found.map((c) => this.item(c, me)), next: null });
      }
      case "PUT /me/password":
        if (json.old_password !== "old password") return reply(401, { code: "bad_credentials" });
        this.session = false;
        return reply(204);
      case "POST /chats/ID/requeue":
        if (chat.state.call) return reply(409, { code: "call_live" });
        this.change(chat, { status: "queued", assigned: null });
        return reply(204);
      case "POST /chats/ID/close":
        this.change(chat, {
          status: "closed",
          closed_at: new Date().toISOString(),
          close_reason: "resolved",
          queue: null,
        });
        this.post(chat, "system", null, "closed");
        return reply(200, whole(chat));
      case "GET /chats/ID/routing":
        return reply(200, {
          items: [
            {
              offer_id: randomUUID(),
              kind: "chat",
              staff_id: AMINA,
              state: "accepted",
              created_at: chat?.state.created_at ?? new Date().toISOString(),
              closed_at: null,
              why: {},
            },
            ...[...this.calls.values()]
              .filter((c) => c.chat_id === id && c.state !== "queued")
              .map((c) => ({
                offer_id: c.id,
                kind: "call",
                staff_id: AMINA,
                state: c.state === "ringing" ? "pending" : "accepted",
                created_at: c.created_at,
                closed_at: null,
                why: {},
              })),
          ],
          next: null,
        });
      case "POST /offers/ID/accept": {
        const offer = this.offers.find((o) => o.id === id);
        if (!offer) return reply(409, { status: 409, code: "offer_gone" });
        this.offers = this.offers.filter((o) => o.id !== id);
        const c = this.chats.get(offer.chat_id);
        if (!c.state.assigned) this.assign(c);
        const call = offer.call_id && this.calls.get(offer.call_id);
        this.send(AMINA, { type: "offer.gone", offer_id: id, outcome: "accepted" });
        reply(200, { ...whole(c), call: call || null });
        const staff = { id: AMINA, name: NAMES[AMINA] };
        if (offer.kind === "callback")
          this.callState(call, "calling", {
            staff,
            callback: this.callbackOf({ attempts: 1, ring_until: this.soon() }),
          });
        else if (call) this.callState(call, "active", { staff });
        return true;
      }
      case "POST /offers/ID/decline":
        this.offers = this.offers.filter((o) => o.id !== id);
        this.send(AMINA, { type: "offer.gone", offer_id: id, outcome: "declined" });
        return reply(204);
    }
    const tag = /\/tags\/(.+)$/.exec(path);
    if (tag) {
      const tags = new Set(chat.state.tags);
      if (method === "PUT") tags.add(tag[1]);
      else tags.delete(tag[1]);
      this.change(chat, { tags: [...tags] });
      return reply(200, whole(chat));
    }
    return false;
  }

  /* --- socket --- */

  upgrade(req, socket) {
    if (this.down) {
      socket.destroy();
      return;
    }
    const client = { me: null, ws: null };
    client.ws = accept(
      req,
      socket,
      (text) => void this.frame(client, JSON.parse(text)),
      () => this.clients.delete(client),
    );
    this.clients.add(client);
  }

  async frame(client, f) {
    this.frames.push(f);
    const reply = (frame) =>
      client.ws.send(JSON.stringify({ ...frame, ...(f.id ? { id: f.id } : {}) }));
    const error = (status, code) => reply({ type: "error", error: { status, code, title: code } });
    if (f.type === "hello") {
      const who = f.token
        ? { "jwt-wanja": WANJA, "jwt-otieno": OTIENO }[f.token]
        : f.ticket?.slice(2);
      if (!who) return client.ws.close(4401);
      client.me = who;
      reply({
        type: "welcome",
        connection_id: randomUUID(),
        me: this.meOf(who),
        server_time: new Date().toISOString(),
        expires_at: null,
        ping_interval_ms: 25000,
        retry: { min_ms: 200, max_ms: 1000 },
        ice_servers: [],
      });
      for (const r of f.resume ?? []) this.resume(client, r, "hello");
      return;
    }
    const chat = this.chats.get(f.chat_id);
    switch (f.type) {
      case "ping":
        return reply({ type: "pong", server_time: new Date().toISOString() });
      case "chat.open":
        if (this.slow) return this.slow.push(() => this.resume(client, f, f.id));
        return chat ? this.resume(client, f, f.id) : error(404, "not_found");
      case "chat.leave":
        return;
      case "live.open":
        client.live = true;
        return reply({ type: "live.state", items: this.live });
      case "live.leave":
        client.live = false;
        return reply({ type: "ok" });
      case "message.send":
      case "note.send": {
        if (chat.state.status === "closed") return error(409, "chat_closed");
        const kind = f.type === "note.send" ? "note" : "message";
        const message = this.post(chat, kind, client.me, f.body, f);
        return reply({
          type: "message.ack",
          chat_id: chat.id,
          client_id: f.client_id,
          repeated: false,
          message,
        });
      }
      case "chat.receipt": {
        const mark = chat.state.marks.find((m) => m.id === client.me);
        if (!mark) return;
        mark.delivered_seq = Math.max(mark.delivered_seq, f.delivered_seq ?? 0);
        mark.read_seq = Math.max(mark.read_seq, f.read_seq ?? 0);
        return this.change(chat, {});
      }
      case "chat.typing": {
        const staff = client.me === AMINA;
        const who = { kind: staff ? "staff" : "customer", name: NAMES[client.me] };
        return this.send(staff ? chat.customer : AMINA, {
          type: "chat.typing",
          chat_id: chat.id,
          who,
          active: f.active,
        });
      }
      case "call.offer": {
        const sdp = this.answer && (await this.answer(f.call_id, f.sdp, client.me));
        return sdp ? reply({ type: "call.answer", call_id: f.call_id, sdp }) : undefined;
      }
      case "call.candidate":
        return this.candidate(f.call_id, f.candidate, client.me);
      case "call.mute": {
        const call = this.calls.get(f.call_id);
        const staff = client.me === AMINA;
        const frame = {
          type: "call.state",
          call,
          muted: { customer: !staff && f.muted, agent: staff && f.muted },
        };
        for (const to of [this.chats.get(call.chat_id).customer, AMINA]) this.send(to, frame);
        return;
      }
    }
  }

  resume(client, from, id) {
    const chat = this.chats.get(from.chat_id);
    if (!chat) return;
    const all = chat.messages.filter((m) => m.seq > from.seq);
    const state = this.stateFor(chat, client.me);
    const staff = client.me === AMINA;
    client.ws.send(
      JSON.stringify({
        type: "chat.resumed",
        id,
        chat_id: chat.id,
        messages: all.slice(0, 200),
        ...(staff ? { notes: chat.notes.filter((m) => m.note_seq > (from.note_seq ?? 0)) } : {}),
        remasked: [],
        more: all.length > 200,
        state,
        state_hash: hashOf(state),
      }),
    );
  }
}
