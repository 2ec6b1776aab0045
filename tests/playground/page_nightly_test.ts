/** The tiny GPT-2 of the playground on a browser's WebGPU, which SwiftShader computes for half a minute. */

import { assertEquals } from "@std/assert";
import { browserPath } from "../../scripts/support/parts.ts";
import { listen, violations } from "../support/policy.ts";
import { playgroundOfFile } from "./in_browser.ts";
import { assertTinyAgrees } from "./tiny_checks.ts";

const playground = playgroundOfFile({ webgpu: true });

Deno.test({
  name: "on WebGPU the page's tiny GPT-2 learns what it learns in Deno",
  ignore: browserPath() === undefined,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await page.send("Page.addScriptToEvaluateOnNewDocument", { source: listen });
    await assertTinyAgrees(page, playground.address);
    assertEquals([await violations(page), page.errors], [[], []]);
  },
});
