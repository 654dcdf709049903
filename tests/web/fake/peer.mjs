/* The media end of the fake daemon: a page whose peer connections answer the offers of the pages
 * under test and send a tone. Only to see the call screens alive. */
export async function makePeer(context, daemon) {
  const page = await context.newPage();
  await page.goto(`${daemon.url}/api/support/widget-config`);
  await page.exposeFunction("trickle", (id, to, candidate) =>
    daemon.send(to, { type: "call.candidate", call_id: id, candidate }),
  );
  await page.evaluate(() => {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const out = audio.createMediaStreamDestination();
    const gain = audio.createGain();
    gain.gain.value = 0.2;
    tone.frequency.value = 440;
    tone.connect(gain).connect(out);
    tone.start();
    const legs = new Map();
    globalThis.answer = async (id, to, sdp) => {
      legs.get(id + to)?.close();
      const pc = new RTCPeerConnection();
      legs.set(id + to, pc);
      pc.onicecandidate = (e) => globalThis.trickle(id, to, e.candidate?.candidate ?? "");
      await pc.setRemoteDescription({ type: "offer", sdp });
      pc.addTrack(out.stream.getAudioTracks()[0], out.stream);
      await pc.setLocalDescription(await pc.createAnswer());
      return pc.localDescription.sdp;
    };
    globalThis.candidate = (id, to, candidate) =>
      legs
        .get(id + to)
        ?.addIceCandidate({ candidate, sdpMLineIndex: 0 })
        .catch(() => undefined);
    globalThis.received = async (id, to) => {
      let bytes = 0;
      for (const s of (await legs.get(id + to).getStats()).values())
        if (s.type === "inbound-rtp") bytes += s.bytesReceived;
      return bytes;
    };
  });
  daemon.answer = (id, sdp, me) =>
    page.evaluate(([a, b, c]) => globalThis.answer(a, b, c), [id, me, sdp]);
  daemon.candidate = (id, candidate, me) =>
    void page
      .evaluate(([a, b, c]) => globalThis.candidate(a, b, c), [id, me, candidate])
      .catch(() => undefined);
  return { received: (id, me) => page.evaluate(([a, b]) => globalThis.received(a, b), [id, me]) };
}
