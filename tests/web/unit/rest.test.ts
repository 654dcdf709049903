import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { test } from "node:test";
import { ProblemError } from "../../../src/web/shared/protocol";
import { makeRest } from "../../../src/web/shared/rest";

const nobody = { headers: async () => ({}), refused: () => undefined };

/* What the requests get, in the order in which they come. */
async function serving(
  answers: ((response: ServerResponse) => void)[],
  use: (base: string) => Promise<void>,
) {
  const server = createServer((_, response) => answers.shift()?.(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const isNetwork = (e: unknown) =>
  e instanceof ProblemError && e.problem.status === 0 && e.problem.code === "network";

test("a request that nobody answers is network trouble, and the next one goes on another connection", () => {
  const answers = [() => undefined, (response: ServerResponse) => void response.end('{"ok":1}')];
  return serving(answers, async (base) => {
    const rest = makeRest(nobody, base);
    await assert.rejects(rest("POST", "/x", {}, 1000), isNetwork); /* time enough to arrive */
    assert.deepEqual(await rest("POST", "/x", {}), { ok: 1 });
  });
});

test("so is an answer that stops half-way", () =>
  serving(
    [(response) => void response.writeHead(200, { "Content-Length": "99" }).write('{"half')],
    (base) => assert.rejects(makeRest(nobody, base)("GET", "/x", undefined, 200), isNetwork),
  ));
