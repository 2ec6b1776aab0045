/** The playground from a file, without a network: it computes what the library computes, reads files, runs its own script. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { initial, type State } from "../../playground/state.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { spectrum } from "../../src/analysis/mod.ts";
import { siteName } from "../../src/core/update.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import type { Page } from "../../scripts/support/browser.ts";
import { assertIntrudersDoNothing, intrudersFrom, listen, violations } from "../support/policy.ts";
import { textFile, withServer } from "../support/range_server.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { assertBytesShown, assertEqualToDeno, exactAfter } from "./lesson_checks.ts";
import { playgroundOfFile, press } from "./in_browser.ts";
import { assertTinyLearns } from "./tiny_checks.ts";

const playground = playgroundOfFile({ webgpu: true });
const ignore = browserPath() === undefined;

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
    `parseInt(document.querySelector("#numbers dd")?.textContent) > 3`,
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

/** A pasted model is counted until an address names another; the base's type is said. */
async function assertAddressEndsPaste(page: Page): Promise<void> {
  const said = `document.getElementById("memory-said").textContent`;
  const config = JSON.stringify(JSON.stringify(catalog["gpt2"].config));
  await page.evaluate(`(document.getElementById("config").value = ${config}, count.click())`);
  await page.until(`${said}.startsWith("Your model (gpt2): ")`, 20_000, "the pasted model");
  await page.evaluate(`void (location.hash = "#model=gpt2-medium&dtype=nf4")`);
  await page.until(`${said}.startsWith("gpt2-medium: ")`, 20_000, "the other model");
  assertMatch(await page.evaluate(said), / over a base in NF4; full fine-tuning in F32 /);
  const lit = (id: string) => page.evaluate(`/matrices (.*) are lit/.exec(${id}.alt)[1]`);
  assertEquals(await lit(`document.getElementById("tiny-block")`), "q and v");
  assertEquals(await lit(`document.getElementById("memory-block")`), "q and v");
  await page.evaluate(`void (location.hash = "#model=gpt2-medium&dtype=nf4&sites=q,k,v,o")`);
  await page.until(
    `document.getElementById("memory-block").alt.includes("o are lit")`,
    20_000,
    "o",
  );
  assertEquals(await lit(`document.getElementById("memory-block")`), "q, k, v, and o");
  const head = `document.getElementById("bytes").rows[0].textContent`;
  assertEquals(await page.evaluate(head), "memoryfull, F32LoRA, base in NF4");
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

/** After a press on a button, for readers who have no adapter. */
async function assertOursIsShown(page: Page): Promise<void> {
  await page.evaluate(`document.getElementById("ours").click()`);
  const said = `document.getElementById("adapter-said").textContent`;
  await page.until(`${said}.startsWith("4 sites. ")`, 20_000, "our adapter");
  const { updates } = await readAdapter(`${rootPath}models/rank-study/qv-r4-seed1`);
  const rows =
    `[...document.querySelectorAll("#adapter-table tbody th")].map((one) => one.textContent)`;
  assertEquals(await page.evaluate(rows), updates.map(siteName));
}

/** Typed lines are there after a reload, and first ones in another tab. */
async function assertLinesAreKept(page: Page): Promise<void> {
  const lines = `document.getElementById("tiny-lines")`;
  const typed = "flp ox: xo\nflp cod: doc";
  await page.evaluate(`(${lines}.value = ${JSON.stringify(typed)},
    ${lines}.dispatchEvent(new Event("input", { bubbles: true })))`);
  await page.reload();
  await page.until(`${lines}.value === ${JSON.stringify(typed)}`, 20_000, "the typed lines");
  await using other = await playground.open(playground.address);
  await other.until(`${lines}.value.startsWith("flp able: elba\\n")`, 20_000, "the first lines");
}

/** Controls and pictures without a name for a screen reader. */
const nameless = `[...document.querySelectorAll("input, select, textarea, button, [role=img]")]
  .filter((one) => one.checkVisibility() && !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
  .map(({ id }) => id)`;

Deno.test({
  name:
    "the playground computes the library's numbers from a file, and all of it has keys and names",
  ignore,
  fn: async () => {
    const { address, size } = playground;
    assert(size < 1e6, `${size} bytes`);
    await using page = await playground.open("about:blank");
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
    const fetched = `performance.getEntriesByType("resource").map(({ name }) => name.slice(0, 5))`;
    assertEquals((await page.evaluate<string[]>(fetched)).filter((name) => name !== "data:"), []);
    assertEquals(await violations(page), []);
    await assertTinyLearns(page, address);
    assertEquals(await violations(page), []);
    assertEquals(await page.evaluate(nameless), []);
    assert(await page.evaluate<number>("document.documentElement.scrollWidth") <= 400);
    assertEquals(page.errors, []);
  },
});

/** Drops files on the heading of a section, as the system does. */
async function drop(page: Page, section: string, files: readonly string[]): Promise<void> {
  const place = await page.evaluate<{ x: number; y: number }>(`{
    const heading = document.querySelector("#${section} h2");
    heading.scrollIntoView({ block: "center" });
    const { x, y } = heading.getBoundingClientRect();
    ({ x: x + 5, y: y + 5 });
  }`);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await page.send("Input.dispatchDragEvent", { type, ...place, data });
  }
}

const text = (id: string) => `document.getElementById("${id}").textContent`;

async function assertDroppedAdapters(page: Page): Promise<void> {
  const folder = `${rootPath}models/rank-study/qv-r2-seed1`;
  await drop(page, "adapter", [`${folder}/adapter_model.safetensors`]);
  await page.until(`${text("adapter-said")}.startsWith("Not read")`, 20_000, "a refusal");
  assertEquals(
    await page.evaluate(text("adapter-said")),
    "Not read: one file is missing, adapter_config.json; choose both together, or drop their folder.",
  );
  await drop(page, "adapter", [`${rootPath}README.md`]);
  await page.until(`${text("adapter-said")}.startsWith("Not read: an")`, 20_000, "a refusal");
  await drop(page, "adapter", [folder]);
  await page.until(`${text("adapter-said")}.startsWith("4 sites")`, 20_000, "a folder");
  const chart = `document.getElementById("adapter-chart")`;
  const label = `${chart}.ariaLabel`, other = "transformer.h.0.attn.c_attn:v";
  const before = await page.evaluate<string>(`${chart}.querySelector(".picked").outerHTML`);
  await page.evaluate(`{
    const list = document.getElementById("adapter-site");
    list.selectedIndex = [...list.options].findIndex(({ text }) => text === "${other}");
    list.dispatchEvent(new Event("change"));
  }`);
  assertMatch(await page.evaluate(label), new RegExp(`of 4 sites; those of ${other} begin \\d`));
  const after = await page.evaluate<string>(`${chart}.querySelector(".picked").outerHTML`);
  assertEquals(before === after, false, "another line is in front");
}

async function assertDroppedModels(page: Page): Promise<void> {
  const said = text("memory-said"), config = `${playground.folder}/config.json`;
  await Deno.writeTextFile(config, JSON.stringify(catalog["gpt2"].config));
  await drop(page, "memory", [config]);
  await page.until(`${said}.startsWith("Your model (gpt2): ")`, 20_000, "the dropped model");
  assertEquals(await page.evaluate(text("catalog")), "Back to llama-2-7b");
  await drop(page, "memory", [`${rootPath}models/tiny-gpt2/config.json`]); // It takes 64 tokens.
  await page.until(`/ of 1,\\d|Not/.test(${said})`, 20_000, "the page's own model");
  assertMatch(
    await page.evaluate(said),
    /^Your model \(gpt2\): LoRA trains .* Counted with 64 tokens each, the most that this model takes\.$/,
  );
  await drop(page, "memory", [`${rootPath}README.md`]);
  await page.until(
    `${said} === "Not counted: the text is no config.json, which begins with { and ends with }."`,
    20_000,
    "a refusal",
  );
  await Deno.writeTextFile(config, `{"model_type": "t5"}`);
  await drop(page, "memory", [config]);
  await page.until(`${said}.endsWith('; yours has type "t5".')`, 20_000, "a refusal");
  await page.evaluate(`document.getElementById("catalog").click()`);
  await page.until(`${said}.startsWith("llama-2-7b: ")`, 20_000, "the catalog's model");
  assertEquals(await page.evaluate(`document.getElementById("catalog").hidden`), true);
}

Deno.test({
  name: "a PEFT folder and a config.json are read where they are dropped",
  ignore,
  fn: async () => {
    const { address } = playground;
    await using page = await playground.open(address);
    // Nothing moves from here on.
    await page.until(`document.getElementById("bytes").rows.length > 5`, 20_000, "bytes");
    await assertDroppedAdapters(page);
    await assertDroppedModels(page);
    await drop(page, "planted", [`${rootPath}README.md`]);
    assertEquals(await page.evaluate("location.href"), address, "the page stays");
    await assertOursIsShown(page);
    await assertLinesAreKept(page);
    assertEquals(page.errors, []);
  },
});

Deno.test({
  name: "the playground runs its own script, and nothing that got into it despite the escaping",
  ignore,
  fn: async () => {
    const path = `${playground.folder}/intruded.html`;
    const html = await Deno.readTextFile(`${playground.folder}/index.html`);
    const files = { "/a.js": textFile("injected.push('file')"), "/a.png": textFile("") };
    await withServer(files, async (server, { requests }) => {
      await Deno.writeTextFile(
        path,
        html.replace("<main>", () => `<main>${intrudersFrom(server)}`),
      );
      await using page = await playground.open("about:blank");
      await page.send("Page.addScriptToEvaluateOnNewDocument", { source: listen });
      await page.goTo(`file://${path}`);
      const said = `document.getElementById("computed-by").textContent`;
      await page.until(`${said}.startsWith("cpu")`, 20_000, "the kernels");
      await assertIntrudersDoNothing(page, server);
      assertEquals(requests, []);
      assertEquals(page.errors, []);
    });
  },
});
