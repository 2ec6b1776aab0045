/** What the tiny GPT-2 does in the page. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { exampleLines } from "../../playground/tiny/settings.ts";
import { complete, injectLora, loadModel, loadTokenizer, textDataset, train } from "../../mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { assertAllClose } from "../support/all_close.ts";
import type { Page } from "../support/browser.ts";

/** What the page shows under "The exact numbers". */
interface Exact {
  losses: number[];
  heldOut: [number, number][];
  singularValues: { name: string; singularValues: number[] }[];
  spoken: { seed: number; base: string; student: string }[];
}

const asked = { rank: 4, alpha: 8, sites: ["q", "v"], seed: 2 };
const steps = 5, learningRate = 0.01, prompt = "Dear sailors";
const address =
  "#textRank=4&textAlpha=8&textRate=0.01&textSteps=5&textSeed=2&site=1&prompt=Dear+sailors";

/** The same as a user of the library would write it. */
async function learnInDeno() {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using model = await loadModel(device, "models/tiny-gpt2");
  const tokenizer = await loadTokenizer("models/tiny-gpt2");
  const texts = { kind: "plain", rows: exampleLines, description: "", digest: "" } as const;
  const data = textDataset(model, tokenizer, texts, { validation: 0.2, batch: 4, seed: 2 });
  using adapter = injectLora(model, asked);
  const { loss } = await train(adapter, data.train, { steps, learningRate }).finish();
  model.promptFormat = data.train[0].promptFormat;
  const sampling = { temperature: 0.7, topK: 20, seed: 2 };
  const spectra = await adapter.spectra(),
    student = await complete(model, tokenizer, prompt, sampling);
  adapter.remove();
  return { loss, spectra, student, base: await complete(model, tokenizer, prompt, sampling) };
}

const byId = (id: string) => `document.getElementById(${JSON.stringify(id)})`;

async function readExact(page: Page): Promise<Exact> {
  const text = `${byId("tiny-exact")}.querySelector("pre").textContent`;
  await page.until(
    `${text} && JSON.parse(${text}).losses.length === ${steps}`,
    20_000,
    "a training",
  );
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

/** It loads, learns and speaks as in Deno; what it learned merges, is saved and is shown. */
export async function assertTinyLearns(page: Page, from: string): Promise<void> {
  await page.goTo("about:blank");
  await page.send("Page.addScriptToEvaluateOnNewDocument", { source: keepSizes });
  await page.goTo(from + address);
  const click = (id: string) => page.evaluate(`${byId(id)}.click()`);
  assertMatch(
    await page.evaluate(`${byId("tiny-load")}.textContent`),
    /^Load the model \(5\.\d MB\)$/,
  );
  await click("tiny-load");
  await page.until(`!${byId("tiny-stage")}.hidden`, 20_000, "the model");
  await click("tiny-run");
  const found = await readExact(page), expected = await learnInDeno();
  const tolerance = { relative: 1e-6, absolute: 1e-6, what: "losses" };
  assertAllClose(found.losses, expected.loss, tolerance);
  assertEquals(
    found.singularValues.map(({ name }) => name),
    expected.spectra.map(({ name }) => name),
  );
  found.singularValues.forEach(({ name, singularValues }, i) =>
    assertAllClose(singularValues, expected.spectra[i].singularValues, { ...tolerance, what: name })
  );
  const { base, student } = expected;
  assertEquals(found.spoken[0], { seed: 2, base, student });
  assertEquals(found.spoken.length, 3);
  assertEquals(found.heldOut.map(([step]) => step), [0, 5]);
  await assertLearnedIsUsed(page, click);
}

async function assertLearnedIsUsed(page: Page, click: (id: string) => Promise<unknown>) {
  const size = (name: string) => page.evaluate<number>(`sizes[${byId(name)}.href]`);
  assert(await size("adapter_model.safetensors") > 4 * 4 * 4 * 512, "bytes of A and B");
  assert(await size("adapter_config.json") > 200);
  await click("tiny-merge");
  const said = `${byId("tiny-said")}.textContent`;
  await page.until(`${said}.startsWith("Merged")`, 10_000, "a merge");
  assertMatch(
    await page.evaluate(said),
    /^Merged into a copy of 2 weights, 393,216 values: .* the same words/,
  );
  await click("tiny-look");
  const shown = `${byId("adapter-said")}.textContent`;
  await page.until(`${shown}.startsWith("4 sites")`, 10_000, "spectra of what was learned");
}
