/* Chromium for the tests of the browser side: nothing leaves the machine, microphones are fake. */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(new URL("../../../src/web/package.json", import.meta.url));
export const { chromium } = require("playwright-core");
export const axeSource = require("axe-core").source;

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-default-apps",
  "--no-default-browser-check",
  "--password-store=basic",
  "--mute-audio",
  "--disable-features=Translate,OptimizationHints,MediaRouter,WebRtcHideLocalIpsWithMdns",
  "--use-fake-device-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  "--allow-loopback-in-peer-connection",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/* {context, close}. mic: "allow" or "deny". */
export async function openBrowser({ mic = "allow", ...options } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "supportd-web-"));
  const context = await chromium.launchPersistentContext(dir, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    chromiumSandbox: false,
    args: [
      ...FLAGS,
      mic === "allow" ? "--use-fake-ui-for-media-stream" : "--deny-permission-prompts",
    ],
    ...options,
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/* Violations of WCAG 2.2 AA and best practice, frames included, as short lines. */
export async function axe(page) {
  const lines = [];
  for (const frame of page.frames()) {
    if (frame.url() === "about:blank") continue;
    await frame.evaluate(axeSource);
    const result = await frame.evaluate(() =>
      globalThis.axe.run(document, {
        iframes: false,
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }),
    );
    for (const v of result.violations)
      lines.push(
        `${v.id} (${v.impact}): ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join(" | ")}`,
      );
  }
  return lines;
}
