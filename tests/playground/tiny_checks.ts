/** Checks of the tiny GPT-2 in the page. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { nextProbabilities } from "../../playground/tiny/next.ts";
import { exampleLines } from "../../playground/tiny/settings.ts";
import {
  complete,
  evaluate,
  injectLora,
  loadModel,
  loadTokenizer,
  textDataset,
  train,
} from "../../mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { exactOn } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import type { Page } from "../../scripts/support/browser.ts";
import { assertSameValues } from "./lesson_checks.ts";
import { assertSaid, assertShown, shownTerms } from "./shown.ts";

/** The page's text under "The exact numbers". */
interface Exact {
  lines: string[];
  prompt: string;
  computedBy: string;
  losses: number[];
  heldOut: [number, number][];
  right: [number, number][];
  singularValues: { name: string; singularValues: number[] }[];
  spoken: { seed: number; base: string; student: string }[];
}

const asked = { rank: 4, alpha: 8, sites: ["q", "v"], seed: 2 };
const steps = 5, learningRate = 0.01, prompt = "flp green:";
const address =
  "#textRank=4&textAlpha=8&textRate=0.01&textSteps=5&textSeed=2&site=1&prompt=flp+green%3A";

/** The same as a user of the library would write it. */
async function learnInDeno(rows: readonly string[]) {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using model = await loadModel(device, "models/tiny-skills");
  const tokenizer = await loadTokenizer("models/tiny-skills");
  const pairs = rows.map((row) => row.split(": "))
    .map(([prompt, completion]) => ({ prompt: `${prompt}:`, completion }));
  const texts = { kind: "prompted", rows: pairs, description: "", digest: "" } as const;
  const data = textDataset(model, tokenizer, texts, { validation: 0.2, batch: 8, seed: 2 });
  using adapter = injectLora(model, asked);
  const before = (await evaluate(model, data.validation)).loss;
  const { loss } = await train(adapter, data.train, { steps, learningRate }).finish();
  model.promptFormat = data.train[0].promptFormat;
  const sampling = { temperature: 0.7, topK: 20, seed: 2 };
  const after = (await evaluate(model, data.validation)).loss;
  const right = 100 * await exactOn(model, data.validation);
  const spectra = (await adapter.spectra())
    .map(({ name, singularValues }) => ({ name, singularValues }));
  const student = ` ${await complete(model, tokenizer, prompt, sampling)}`;
  const most = async () =>
    100 * Math.max(...await nextProbabilities(model, tokenizer, `${prompt} `));
  const likely = await most();
  adapter.remove();
  return {
    next: [await most(), likely],
    loss,
    before,
    after,
    right,
    spectra,
    student,
    base: ` ${await complete(model, tokenizer, prompt, sampling)}`,
  };
}

const byId = (id: string) => `document.getElementById(${JSON.stringify(id)})`;

/** Waits for a training, and for so many words on it. */
async function readExact(page: Page, spoken: number): Promise<Exact> {
  const text = `${byId("tiny-exact")}.querySelector("pre").textContent`;
  const ready = `(({ losses, spoken }) => losses?.length === ${steps} &&
    spoken.length >= ${spoken})(JSON.parse(${text} || "{}"))`;
  await page.until(ready, 120_000, "a training");
  return JSON.parse(await page.evaluate(text));
}

/** The page's policy lets nobody fetch a link into memory, so its size is kept when it is made. */
const keepSizes = `{
  const create = URL.createObjectURL;
  globalThis.sizes = {};
  URL.createObjectURL = (file) => {
    const link = create(file);
    sizes[link] = file.size;
    return link;
  };
}`;

const click = (page: Page, id: string) => page.evaluate(`${byId(id)}.click()`);

/** Opens the page at an address, loads the model and lets it learn, before it has spoken. */
async function learnInPage(
  page: Page,
  address: string,
  lines: readonly string[],
): Promise<void> {
  await page.goTo("about:blank");
  await page.goTo(address);
  const text = JSON.stringify(lines.join("\n"));
  await page.evaluate(`void (${byId("tiny-lines")}.value = ${text})`);
  await click(page, "tiny-load");
  await page.until(`!${byId("tiny-stage")}.hidden`, 20_000, "the model");
  await click(page, "tiny-run");
}

/** It loads, learns and speaks as in Deno; what it learned merges, is saved and is shown. */
export async function assertTinyLearns(page: Page, from: string): Promise<void> {
  await page.send("Page.addScriptToEvaluateOnNewDocument", { source: keepSizes });
  await learnInPage(page, from + address, exampleLines);
  assertMatch(
    await page.evaluate(`${byId("tiny-load")}.textContent`),
    /^Load the model \(2\.\d MB\)$/,
  );
  const found = await readExact(page, 3), expected = await learnInDeno(exampleLines);
  assertEquals([found.lines, found.prompt], [exampleLines, prompt]);
  assertEquals(found.losses, expected.loss);
  assertEquals(
    found.singularValues.map(({ name }) => name),
    expected.spectra.map(({ name }) => name),
  );
  found.singularValues.forEach(({ name, singularValues }, i) =>
    assertSameValues(singularValues, expected.spectra[i].singularValues, name)
  );
  const { base, student } = expected;
  assertEquals(found.spoken[0], { seed: 2, base, student });
  assertEquals(found.heldOut, [[0, expected.before], [steps, expected.after]]);
  assertEquals(found.right, [[0, 0], [steps, expected.right]]);
  await assertTinyShown(page, found);
  await assertSaid(page, "tiny-next", expected.next);
  await assertLearnedIsUsed(page);
}

/** The numbers beside the buttons, and those that the charts say. */
async function assertTinyShown(page: Page, { losses, heldOut, right, singularValues }: Exact) {
  const last = losses[steps - 1], [, [, unseen]] = heldOut;
  const shown = await shownTerms(page, "tiny-numbers");
  assertEquals(shown.step, String(steps));
  assertShown(shown.loss, last, "loss");
  assertShown(shown["lines not seen"], unseen, "lines not seen");
  await assertSaid(page, "tiny-loss", [steps, last, unseen]);
  const [, [, percent]] = right;
  const asked = Number(/of (\d+)$/.exec(shown.right)![1]);
  assertEquals(shown.right, `${percent.toFixed(0)}% of ${asked}`);
  await assertSaid(page, "tiny-right", [steps, percent, asked]);
  await assertSaid(page, "tiny-spectrum", [steps, ...singularValues[1].singularValues]);
}

/** SwiftShader takes seconds for a step on long ones. */
const shortLines = [
  "flp sea: aes",
  "flp moon: noom",
  "flp cook: kooc",
  "flp ship: pihs",
  "flp crow: worc",
];

/** On WebGPU it learns the same, as near as playground/README.md says. */
export async function assertTinyAgrees(page: Page, from: string): Promise<void> {
  await learnInPage(page, `${from}${address}&textDevice=webgpu`, shortLines);
  const found = await readExact(page, 0), expected = await learnInDeno(shortLines);
  assertMatch(found.computedBy, /^webgpu/);
  const tolerance = { relative: 1.2e-4, absolute: 0 };
  assertAllClose(found.losses, expected.loss, { ...tolerance, what: "losses" });
  const heldOut = found.heldOut.map(([, loss]) => loss);
  assertAllClose(heldOut, [expected.before, expected.after], { ...tolerance, what: "held out" });
  found.singularValues.forEach(({ name, singularValues }, i) => {
    const values = expected.spectra[i].singularValues, absolute = 0.014 * values[0];
    assertAllClose(singularValues, values, { relative: 0, absolute, what: name });
  });
  await assertTinyShown(page, found);
}

async function assertLearnedIsUsed(page: Page) {
  const size = (name: string) => page.evaluate<number>(`sizes[${byId(name)}.href]`);
  assert(await size("adapter_model.safetensors") > 4 * 4 * 4 * 512, "bytes of A and B");
  assert(await size("adapter_config.json") > 200);
  await click(page, "tiny-merge");
  const said = `${byId("tiny-merged")}.textContent`;
  await page.until(`${said}.startsWith("Merged")`, 10_000, "a merge");
  assertMatch(
    await page.evaluate(said),
    /^Merged into a copy of 2 weights, 221,184 values: .* the same words/,
  );
  await click(page, "tiny-look");
  const shown = `${byId("adapter-said")}.textContent`;
  await page.until(`${shown}.startsWith("4 sites")`, 10_000, "spectra of what was learned");
}
