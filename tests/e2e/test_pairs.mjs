/* Every peer with every other through the daemon: Chromium, Firefox, aiortc and @roamhq/wrtc, each as
 * customer and as agent, a tone each way. The legs are bare: no page of the product, its protocol alone.
 * Runs in a network namespace of its own (run.sh), with node --experimental-websocket. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isTone, listen, openChromium, openFirefox, Stack, Talker, until } from "./browser.mjs";

let stack;
let chromiums;
let foxes;

before(async () => {
  stack = await Stack.start();
  stack.sql("update support.support_settings set value = '0' where key = 'queue.wrap_up_s'");
  chromiums = [await openChromium("customer", 1000), await openChromium("agent", 440)];
  foxes = [await openFirefox("customer", 1000), await openFirefox("agent", 440)];
  for (const { page } of [...chromiums, ...foxes]) {
    await page.goto(`${stack.url}/demo/`);
    await page.mouse.click(5, 5); /* Firefox lets nothing sound before */
  }
});

after(async () => {
  for (const browser of [...(chromiums ?? []), ...(foxes ?? [])]) await browser.close();
  await stack?.stop();
});

/* --- legs: offer(hz) -> SDP, answer(SDP) until connected, hear(seconds), close() --- */

async function offerInPage(hz) {
  const context = new AudioContext();
  await context.resume();
  const tone = new OscillatorNode(context, { frequency: hz });
  const quiet = new GainNode(context, { gain: 0.3 });
  const out = context.createMediaStreamDestination();
  tone.connect(quiet).connect(out);
  tone.start();
  const peer = new RTCPeerConnection();
  window.leg = { peer, context };
  peer.addTransceiver(out.stream.getAudioTracks()[0], { direction: "sendrecv" });
  await peer.setLocalDescription();
  return peer.localDescription.sdp;
}

async function answerInPage(sdp) {
  const { peer } = window.leg;
  peer.ontrack = (event) => {
    const audio = new Audio();
    audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    void audio.play();
    window.leg.audio = audio;
  };
  await peer.setRemoteDescription({ type: "answer", sdp });
  for (let i = 0; peer.connectionState !== "connected"; i++) {
    if (i === 200) throw new Error(peer.connectionState);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const inPage = ({ page }) => ({
  offer: (hz) => page.evaluate(offerInPage, hz),
  answer: (sdp) => page.evaluate(answerInPage, sdp),
  hear: (seconds) => listen(page.mainFrame(), seconds),
  close: () => page.evaluate(async () => {
    window.leg.peer.close();
    await window.leg.context.close();
  }),
});

/* A leg in a process of its own, by lines. */
function inProcess(command, args) {
  const talker = new Talker(command, args);
  return {
    offer: async () => JSON.parse(await talker.next()).offer,
    answer: async (sdp) => assert.deepEqual(await talker.ask(JSON.stringify({ sdp })), { connected: true }),
    hear: (seconds) => talker.ask(`hear ${seconds}`),
    close: () => talker.end(),
  };
}

const HZ = [1000, 440];
const KINDS = {
  Chromium: (side) => inPage(chromiums[side]),
  Firefox: (side) => inPage(foxes[side]),
  aiortc: (side) => inProcess("/usr/bin/python3", ["tests/e2e/peer.py", "--bare", "--hz", String(HZ[side])]),
  wrtc: (side) => inProcess(process.execPath, ["tests/e2e/wrtc_peer.mjs", String(HZ[side])]),
};

/* --- signaling --- */

class Person {
  static async open(token, account) {
    const person = new Person();
    person.headers = { "Content-Type": "application/json", Origin: stack.url };
    const hello = { type: "hello", id: "hello" };
    if (account) {
      const answer = await fetch(`${stack.url}/api/support/session`, { method: "POST", headers: person.headers,
        body: JSON.stringify({ email: account.email, password: account.password }) });
      person.headers.Cookie = answer.headers.getSetCookie().map((c) => c.split(";")[0]).join("; ");
      person.headers["X-CSRF-Token"] = (await answer.json()).csrf_token;
      hello.ticket = (await person.rest("POST", "/ws-ticket", {})).ticket;
    } else {
      person.headers.Authorization = `Bearer ${token}`;
      hello.token = token;
    }
    person.frames = [];
    person.socket = new WebSocket(stack.ws[0], ["support.v1"]);
    person.socket.onmessage = (event) => person.frames.push(JSON.parse(event.data));
    await new Promise((resolve, reject) => {
      person.socket.onopen = resolve;
      person.socket.onerror = reject;
    });
    person.send(hello);
    await person.frame((f) => f.type === "welcome");
    return person;
  }

  async rest(method, path, body) {
    const answer = await fetch(`${stack.url}/api/support${path}`, { method, headers: this.headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${path}: ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  frame(test) {
    return until(() => this.frames.find(test), "a frame");
  }

  async connect(leg, hz, call) {
    const id = crypto.randomUUID();
    this.send({ type: "call.offer", id, call_id: call, sdp: await leg.offer(hz) });
    const answer = await this.frame((f) => f.id === id);
    assert.equal(answer.type, "call.answer", JSON.stringify(answer));
    await leg.answer(answer.sdp);
  }

  close() {
    this.socket.close();
  }
}

async function talk(customer, agent, legs) {
  const { call } = await customer.rest("POST", "/call/start", { client_key: crypto.randomUUID() });
  try {
    await customer.connect(legs[0], HZ[0], call.id);
    const { offer } = await agent.frame((f) => f.type === "offer.new" && f.offer.call_id === call.id);
    await agent.connect(legs[1], HZ[1], call.id);
    await agent.rest("POST", `/offers/${offer.id}/accept`, {});
    await customer.frame((f) => f.type === "call.state" && f.call.id === call.id && f.call.state === "active");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [atCustomer, atAgent] = await Promise.all(legs.map((leg) => leg.hear(1.5)));
    isTone(atCustomer, HZ[1]);
    isTone(atAgent, HZ[0]);
  } finally {
    await customer.rest("POST", `/calls/${call.id}/end`, {});
  }
}

for (const [caller, ofCaller] of Object.entries(KINDS))
  for (const [callee, ofCallee] of Object.entries(KINDS))
    test(`${caller} calls ${callee}`, { timeout: 60000 }, async () => {
      const customer = await Person.open(stack.customers[0].token);
      const agent = await Person.open(null, stack.staff.agent);
      const legs = [ofCaller(0), ofCallee(1)];
      try {
        await agent.rest("PUT", "/me/presence", { chosen: "available" });
        await talk(customer, agent, legs);
      } finally {
        for (const leg of legs) await leg.close().catch(() => undefined);
        customer.close();
        agent.close();
      }
    });
