/* node demo_check.mjs URL LOGINS: sends a chat message from a customer's socket to an agent's, as the
 * pages do. Exit status 0 when it has arrived. Uses nothing but node itself (18 and up). */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";

const [url, logins] = process.argv.slice(2);
const [email, password] = readFileSync(logins, "utf8").split("\n")[0].split("\t");
setTimeout(() => {
  console.error("demo: the message did not arrive within 30 s");
  process.exit(1);
}, 30000).unref();

async function rest(method, path, body, headers = {}) {
  const answer = await fetch(url + path, {
    method,
    headers: { Origin: url, "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return { body: text && JSON.parse(text), cookie: answer.headers.get("set-cookie")?.split(";")[0] };
}

/* Text frames from the daemon, whole ones only: that is all it sends to such a client. */
function frames(data) {
  const texts = [];
  let at = 0;
  while (data.length - at >= 2) {
    let length = data[at + 1] & 127;
    let head = 2;
    if (length === 126 && data.length - at >= 4) [length, head] = [data.readUInt16BE(at + 2), 4];
    else if (length === 127 && data.length - at >= 10) [length, head] = [Number(data.readBigUInt64BE(at + 2)), 10];
    else if (length > 125) break;
    if (data.length - at < head + length) break;
    if ((data[at] & 15) === 1) texts.push(data.subarray(at + head, at + head + length).toString());
    at += head + length;
  }
  return { texts, rest: data.subarray(at) };
}

class Socket {
  seen = [];
  waiting = [];

  open() {
    const key = randomBytes(16).toString("base64");
    const headers = {
      Origin: url, Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": 13,
      "Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": "support.v1",
    };
    return new Promise((resolve, reject) => {
      const asked = request(`${url}/ws`, { headers });
      asked.on("response", (answer) => reject(new Error(`/ws: ${answer.statusCode}`)));
      asked.on("error", reject);
      asked.on("upgrade", (answer, socket, first) => {
        const proof = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
        if (answer.headers["sec-websocket-accept"] !== proof) reject(new Error("/ws: wrong proof"));
        this.socket = socket;
        let kept = first;
        const take = (data) => {
          const { texts, rest: left } = frames(Buffer.concat([kept, data]));
          kept = left;
          for (const text of texts) this.take(JSON.parse(text));
        };
        socket.on("data", take);
        socket.on("error", () => undefined);
        take(Buffer.alloc(0));
        resolve(this);
      });
      asked.end();
    });
  }

  take(frame) {
    this.seen.push(frame);
    this.waiting = this.waiting.filter(({ fits, resolve }) => !fits(frame) || resolve(frame));
  }

  /* The first frame that fits, come or to come. */
  next(fits) {
    const found = this.seen.find(fits);
    return found ?? new Promise((resolve) => this.waiting.push({ fits, resolve }));
  }

  send(frame) {
    const text = Buffer.from(JSON.stringify(frame));
    const mask = randomBytes(4);
    const head = text.length < 126 ? Buffer.from([0x81, 0x80 | text.length]) : Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 255]);
    this.socket.write(Buffer.concat([head, mask, text.map((byte, i) => byte ^ mask[i % 4])]));
  }

  close() {
    this.socket.destroy();
  }
}

const { token } = (await rest("POST", "/demo/login", { customer: "wanja" })).body;
const bearer = { Authorization: `Bearer ${token}` };
const login = await rest("POST", "/api/support/session", { email, password });
const staff = { Cookie: login.cookie, "X-CSRF-Token": login.body.csrf_token };
const { ticket } = (await rest("POST", "/api/support/ws-ticket", {}, staff)).body;
const agent = await new Socket().open();
agent.send({ type: "hello", id: "1", ticket });
await agent.next((f) => f.type === "welcome");
await rest("PUT", "/api/support/me/presence", { chosen: "available" }, staff);
const customer = await new Socket().open();
customer.send({ type: "hello", id: "1", token });
await customer.next((f) => f.type === "welcome");

const earlier = (await rest("GET", "/api/support/chats?status=closed&limit=200", undefined, bearer)).body.items.length;
const { chat } = (await rest("POST", "/api/support/chat/start", { client_key: randomUUID() }, bearer)).body;
if (chat.status !== "assigned") {
  const { offer } = await agent.next((f) => f.type === "offer.new" && f.offer.chat_id === chat.id);
  await rest("POST", `/api/support/offers/${offer.id}/accept`, {}, staff);
}
const client_id = randomUUID();
const sent = performance.now();
customer.send({ type: "message.send", id: "2", chat_id: chat.id, client_id, body: "Hello from the demo's check" });
await agent.next((f) => f.type === "message.new" && f.message.client_id === client_id);
const took = performance.now() - sent;
await customer.next((f) => f.type === "message.ack" && f.client_id === client_id);
await rest("POST", `/api/support/chats/${chat.id}/close`, {}, staff);
await rest("PUT", "/api/support/me/presence", { chosen: "offline" }, staff);
await rest("DELETE", "/api/support/session", undefined, staff);
console.log(`checked: a message came through in ${took.toFixed(1)} ms; earlier conversations: ${earlier}`);
customer.close();
agent.close();
