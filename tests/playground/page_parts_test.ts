/** The playground from a file, without a network: what it computes is what the library computes here. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { pathToFileURL } from "node:url";
import { formatState, initial, type State } from "../../playground/state.ts";
import { buildPlayground } from "../../scripts/playground.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { spectrum } from "../../src/analysis/mod.ts";
import { siteName } from "../../src/core/site.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { Browser, type Page } from "../support/browser.ts";
import { listen, violations } from "../support/policy.ts";
import { withFolder } from "../support/folders.ts";
import { browserPath } from "../support/parts.ts";
import { rootPath } from "../support/source_files.ts";
import { assertBytesShown, assertEqualToDeno, exactAfter } from "./lesson_checks.ts";
import { press } from "./press.ts";
import { assertTinyAgrees, assertTinyLearns } from "./tiny_checks.ts";

const first = { ...initial, steps: 50 };

const states: readonly State[] = [
  first,
  { ...first, width: 2, shiftRank: 1, rank: 1, alpha: 1, start: "small", spread: 4 },
  { ...first, rank: 8, alpha: 2, start: "pissa", learningRate: 0.1, seed: 3 },
];

/** By keys alone: another rank, a run, a merge. */
async function assertKeysWork(page: Page): Promise<void> {
  const text = (selector: string) =>
    page.evaluate<string>(`document.querySelector("${selector}").textContent`);
  const enter = async (id: string) => {
    await page.evaluate(`document.getElementById("${id}").focus()`);
    await press(page, "Enter", 13);
  };
  await page.evaluate(`document.getElementById("rank").focus()`);
  await press(page, "ArrowRight", 39);
  assertMatch(await page.evaluate("location.hash"), /rank=6/);
  await enter("run");
  await page.until(
    `parseInt(document.querySelector("#numbers dd").textContent) > 3`,
    20_000,
    "steps",
  );
  assertEquals(await text("#run"), "Pause");
  await enter("run");
  assert((await exactAfter(page, 4)).steps > 3);
  await enter("merge");
  await page.until(`document.getElementById("merge").textContent === "Unmerge"`, 5000, "a merge");
  assertMatch(await text("#said"), /^Merged: .* differ by at most \d\.\de-\d/);
  await enter("merge");
  await page.until(`document.getElementById("merge").textContent === "Merge"`, 5000, "an unmerge");
  assertMatch(await text("#said"), /^Unmerged: 0 of 256 values of W₀ changed/);
}

/** Without a GPU nothing of another lesson stays, and a device that is there begins a new one. */
async function assertNoGpuIsSaid(address: string): Promise<void> {
  await using browser = await Browser.start();
  await using page = await browser.open(address + formatState({ ...initial, device: "webgpu" }));
  const shown = `["run", "step", "merge"].map((id) => document.getElementById(id).disabled).join() +
    document.getElementById("figures").hidden + document.querySelector("#numbers").textContent +
    document.querySelector("#exact pre").textContent`;
  const said = `document.getElementById("said").textContent`;
  const choose = (device: string) =>
    page.evaluate(`(device.value = ${JSON.stringify(device)},
      device.dispatchEvent(new Event("input", { bubbles: true })))`);
  for (let time = 0; time < 2; time++) {
    await page.until(`${shown} === "true,true,truetrue"`, 20_000, "the end of the lesson");
    assertMatch(await page.evaluate(said), /^opening a webgpu device needs an adapter/);
    assertEquals(await page.evaluate(`document.getElementById("run").textContent`), "Start");
    await choose("cpu");
    await exactAfter(page, 0);
    assertEquals(await page.evaluate(said), "");
    await page.evaluate(`document.getElementById("run").click()`);
    await page.until(`document.getElementById("run").textContent === "Pause"`, 20_000, "a run");
    await choose("webgpu");
  }
  assertEquals(page.errors, []);
}

/** A pasted model is counted until an address names another; the base's type is said. */
async function assertAddressEndsPaste(page: Page): Promise<void> {
  const said = `document.getElementById("memory-said").textContent`;
  const config = JSON.stringify(JSON.stringify(catalog["gpt2"].config));
  await page.evaluate(`(document.getElementById("config").value = ${config}, count.click())`);
  await page.until(`${said}.startsWith("Your model (gpt2): ")`, 20_000, "the pasted model");
  await page.evaluate(`void (location.hash = "#model=gpt2-medium&dtype=nf4")`);
  await page.until(`${said}.startsWith("gpt2-medium: ")`, 20_000, "the other model");
  assertMatch(await page.evaluate(said), / over a base in NF4; full fine-tuning in F32 /);
  const head = `document.getElementById("bytes").rows[0].textContent`;
  assertEquals(await page.evaluate(head), "bytesfull, F32LoRA, base in NF4");
}

/** Somebody's adapter, from the disk. */
async function assertAdapterIsShown(page: Page): Promise<void> {
  const folder = `${rootPath}models/rank-study/qv-r4-seed1`;
  const files = ["adapter_config.json", "adapter_model.safetensors"].map((name) =>
    `${folder}/${name}`
  );
  const { root } = await page.send("DOM.getDocument");
  const input = await page.send("DOM.querySelector", { nodeId: root.nodeId, selector: "#files" });
  await page.send("DOM.setFileInputFiles", { ...input, files });
  const cells = `[...document.querySelectorAll("#adapter-table tbody tr")].map(
    ({ cells: [name, , norm] }) => name.textContent + " " + norm.textContent)`;
  await page.until(`${cells}.length > 0`, 20_000, "spectra");
  const { updates } = await readAdapter(folder);
  assertEquals(
    await page.evaluate(cells),
    updates.map((update) => `${siteName(update)} ${spectrum(update).frobenius.toPrecision(3)}`),
  );
}

/** What has no name for a reader who does not see it. */
const nameless = `[...document.querySelectorAll("input, select, textarea, button, [role=img]")]
  .filter((one) => one.checkVisibility() && !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
  .map(({ id }) => id)`;

Deno.test({
  name:
    "the playground computes the library's numbers from a file, and all of it has keys and names",
  ignore: browserPath() === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const bytes = await buildPlayground(folder);
      assert(bytes < 1e6, `${bytes} bytes`);
      const address = pathToFileURL(`${folder}/index.html`).href;
      await using browser = await Browser.start({ webgpu: true });
      await using page = await browser.open("about:blank");
      await page.send("Page.addScriptToEvaluateOnNewDocument", { source: listen });
      for (const state of states) await assertEqualToDeno(page, address, state);
      await assertEqualToDeno(page, address, { ...initial, device: "webgpu", steps: 3 });
      const computedBy = `document.getElementById("computed-by").textContent`;
      assertMatch(await page.evaluate(computedBy), /^webgpu/);
      await page.goTo("about:blank");
      await page.goTo(address);
      await assertKeysWork(page);
      await page.until(`document.getElementById("bytes").rows.length > 5`, 20_000, "bytes");
      await assertBytesShown(page);
      await assertAddressEndsPaste(page);
      await assertAdapterIsShown(page);
      assertEquals(await page.evaluate(nameless), []);
      await page.resize(400, 800);
      const chart = `document.getElementById("adapter-chart")`;
      const isRedrawn = `${chart}.getAttribute("viewBox").split(" ")[2] == ${chart}.clientWidth`;
      await page.until(isRedrawn, 5000, "the chart in its new size");
      const width = await page.evaluate<number>("document.documentElement.scrollWidth");
      assert(width <= 400, `${width} pixels`);
      const fetched =
        `performance.getEntriesByType("resource").map(({ name }) => name.slice(0, 5))`;
      assertEquals((await page.evaluate<string[]>(fetched)).filter((name) => name !== "data:"), []);
      assertEquals(await violations(page), []);
      await assertTinyLearns(page, address);
      await assertTinyAgrees(page, address);
      assertEquals(await violations(page), []);
      assertEquals(await page.evaluate(nameless), []);
      assert(await page.evaluate<number>("document.documentElement.scrollWidth") <= 400);
      assertEquals(page.errors, []);
      await assertNoGpuIsSaid(address);
    }),
});
