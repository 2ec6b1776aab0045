import { assertEquals, assertStringIncludes } from "@std/assert";
import { DryDevice } from "../../src/device/dry.ts";
import { reproduce } from "../../experiments/frame/reproduce.ts";
import { Browser } from "../../scripts/support/browser.ts";
import { untilFiguresLive } from "../support/figures_on_page.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { silently } from "./silently.ts";

Deno.test({
  name: "the report draws its figures in a browser without a network",
  ignore: browserPath() === undefined,
  fn: async () => {
    await withFolder(async (out) => {
      using device = new DryDevice();
      const only = ["counting", "memory", "scaling"];
      const options = { only, seeds: [1], deviceKind: undefined, out, quick: false, full: false };
      await silently(() => reproduce(device, options, new AbortController().signal));
      await using browser = await Browser.start({ offline: true });
      await using page = await browser.open(`file://${out}/index.html`);
      await page.evaluate(`document.querySelectorAll("details").forEach((one) => one.open = true)`);
      await untilFiguresLive(page, 4);
      const ids =
        `[...document.querySelectorAll(".js-plotly-plot")].map((one) => one.dataset.figure)`;
      assertEquals((await page.evaluate<string[]>(ids)).sort(), [
        ...["counts", "gpt3-memory", "scaling-memory", "scaling-parameters"],
      ]);
      assertStringIncludes(await page.evaluate("document.body.innerText"), "174,604,259,328");
    });
  },
});
