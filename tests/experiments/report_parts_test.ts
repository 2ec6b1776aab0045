import { assertEquals, assertStringIncludes } from "@std/assert";
import { DryDevice } from "../../src/device/dry.ts";
import { reproduce } from "../../experiments/frame/reproduce.ts";
import { browserPath } from "../support/parts.ts";
import { withFolder } from "../support/folders.ts";

const browser = browserPath();

/** The page as a browser without a network leaves it. */
async function openOffline(path: string, profile: string): Promise<string> {
  const { stdout } = await new Deno.Command(browser!, {
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--host-resolver-rules=MAP * ~NOTFOUND",
      `--user-data-dir=${profile}`,
      "--virtual-time-budget=10000",
      "--dump-dom",
      `file://${path}`,
    ],
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "the report draws its figures in a browser without a network",
  ignore: browser === undefined,
  fn: async () => {
    await withFolder(async (out) => {
      using device = new DryDevice();
      const only = ["counting", "memory", "scaling"];
      const options = { only, seeds: [1], deviceKind: undefined, out, quick: false, full: false };
      const { log, error } = console;
      Object.assign(console, { log: () => {}, error: () => {} });
      try {
        await reproduce(device, options, new AbortController().signal);
      } finally {
        Object.assign(console, { log, error });
      }
      const page = await openOffline(`${out}/partial.html`, `${out}/profile`);
      for (const id of ["counts", "gpt3-memory", "scaling-memory", "scaling-parameters"]) {
        assertStringIncludes(page, `<div data-figure="${id}" class="plot js-plotly-plot`);
      }
      assertEquals((page.match(/<svg class="main-svg"/g)?.length ?? 0) >= 4, true);
      assertStringIncludes(page, "174,604,259,328");
    });
  },
});
