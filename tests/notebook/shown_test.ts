/** Outputs of cells, in a real kernel. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { predict } from "../../src/notebook/mod.ts";
import { bundleOf, Cells } from "./cells.ts";

const made =
  `import { injectLora, loadModel, loadTokenizer, openDevice, promptedBatches, train } from "@lowrank/core";
import { plot } from "@lowrank/core/figures";
import { LiveSpectra } from "@lowrank/core/inspect";
const folder = "../../models/tiny-gpt2";
const model = await loadModel(await openDevice({ kind: "cpu" }), folder);
const pairs = [
  { prompt: "boat:", completion: " a fine old galleon" },
  { prompt: "hook:", completion: " a hand that never shakes" },
];
const batches = promptedBatches(await loadTokenizer(folder), pairs);
const adapter = injectLora(model, { rank: 2 }), live = new LiveSpectra(model, 1);
const training = train(adapter, batches, { learningRate: 1e-2, steps: 3 });
for await (const { step } of training) live.observe(step + 1);
const spectra = await adapter.spectra(); undefined`;

const shown: readonly (readonly [value: string, text: RegExp])[] = [
  [
    "batches",
    /^2 examples in batches of 2 rows of \d+ tokens[^]*<\|endoftext\|>boat: +a fine old galleon<\|/,
  ],
  ["training", /^trains 4,096 values of the adapter, 0.22% of the model's 1,858,560[^]*3 steps/],
  ["training.history", /3 steps/],
  ['plot({ y: [1, 2] }, { caption: "two" })', /two/],
  ["spectra[0]", /Measures of the rank of ΔW/],
  ["spectra", /Size and rank of every update[^]*h\.1\.attn\.c_attn:v/],
  ["live", /\d readings[^]*entropy/],
  ['[plot({ y: [1] }, { caption: "one" }), model]', /one[^]*GPT-2 of 2 blocks/],
];

Deno.test("cells show what they are asked to, below themselves and once", async (t) => {
  await using cells = await Cells.start();
  await t.step("values, even those that the kernel hides", () => checkValues(cells));
  await t.step("setup, on one line, and again", () => checkSetup(cells));
  await t.step("a model, as a table", () => checkModel(cells));
  await t.step("batches, trainings, figures and spectra that end a cell", async (t) => {
    assertEquals((await cells.run(made)).status, "ok");
    for (const [value, text] of shown) {
      await t.step(value, () => checkLast(cells, value, text));
    }
  });
  await t.step(
    "other values are the kernel's, and may have a method of their own",
    () => checkOthers(cells),
  );
  await t.step("a prediction, and its result folded below", () => checkPrediction(cells));
  await t.step("a range, whose result may be between two steps", () => checkRange(cells));
  await t.step("a check that holds and one that does not", () => checkCheck(cells));
  await t.step("a device's failure that no read throws", () => checkFailures(cells));
});

async function checkValues(cells: Cells): Promise<void> {
  // All wait in the kernel's queue, as after Run All.
  const texts = (codes: readonly string[]) =>
    Promise.all(codes.map((code) => cells.text(`await show(${code});`)));
  const values = ["NaN", "-Infinity", "-0", "12345678901234567890n", "null", "undefined", "0.5"];
  assertEquals(await texts(values), values);
  const thirty = Array.from({ length: 30 }, (_, i) => `${i}`);
  assertEquals(await texts(thirty), thirty);
  assertEquals(await texts([`"two\\nlines"`]), ["two\nlines"]);
  for (const value of ['"right: 98%"', "[1, 2]", "[{ id: 1 }]"]) {
    // JupyterLab writes the first line beside a fold: it must not be the result.
    const html = String((await cells.bundle(`await show(${value});`))["text/html"]);
    assertMatch(html, /^ \n./);
  }
  const formula = await cells.bundle(`await show(tex("\\\\Delta W = s B A"));`);
  assertEquals(formula["text/latex"], "$$\\Delta W = s B A$$");
  assertMatch(String(formula["image/svg+xml"]), /^ \n<svg /);
  const list = await cells.bundle(`await show(["first", tex("r"), new Float32Array(2)]);`);
  assertEquals(list["text/plain"], "first\n\nr\n\nFloat32Array [2]\n0  0");
  assertMatch(String(list["text/html"]), /first[^]*alt="r"[^]*Float32Array/);
}

async function checkSetup(cells: Cells): Promise<void> {
  const bundle = await cells.bundle("await setup();");
  assertMatch(String(bundle["text/plain"]), /^Lowrank \d+\.\d+\.\d+, Deno [\d.]+; \w+[^\n/\\]*$/);
  assertStringIncludes(String(bundle["text/html"]), String(bundle["text/plain"]));
}

/** The kernel itself shows what the object returned to it: nothing. */
async function checkModel(cells: Cells): Promise<void> {
  const code = `import { loadModel, openDevice } from "@lowrank/core";
const shownModel = await loadModel(await openDevice({ kind: "cpu" }), "../../models/tiny-gpt2");
shownModel`;
  const { outputs: [shown, ...rest] } = await cells.run(code), bundle = bundleOf(shown);
  assertEquals(rest.map(bundleOf), [{}]);
  assertMatch(String(bundle["text/html"]), /<table/);
  assertMatch(String(bundle["text/plain"]), /^GPT-2 of 2 blocks[^]*\nall .* 1,858,560/);
  assertEquals(await cells.bundle("await show(shownModel);"), bundle);
}

async function checkLast(cells: Cells, value: string, text: RegExp): Promise<void> {
  const { outputs: [first, ...rest] } = await cells.run(value), bundle = bundleOf(first);
  assertEquals(rest.map(bundleOf), [{}]);
  assertMatch(String(bundle["text/plain"]), text);
  assertMatch(String(bundle["text/html"]), /<(figure|table|div)/);
}

async function checkOthers(cells: Cells): Promise<void> {
  for (
    const value of ["({ a: 1 })", "[1, 2]", "new Map()", "({ rows: 2, columns: 2, data: [] })"]
  ) {
    const { outputs } = await cells.run(value);
    assertEquals(outputs.map(({ output_type }) => output_type), ["execute_result"]);
  }
  const own = `const it = {};
it[Symbol.for("Jupyter.display")] = () => ({ "text/plain": "mine" });
it`;
  const { outputs } = await cells.run(own);
  assertEquals(outputs.map(bundleOf), [{ "text/plain": "mine" }]);
  assertEquals((await cells.run("Object.keys({})")).status, "ok");
}

async function checkPrediction(cells: Cells): Promise<void> {
  const asked = await cells.bundle(
    `const guess = await notebook.predict('Is 3 < "4"?', ["<yes>", "no"]);`,
  );
  assertEquals(asked["text/plain"], 'Predict: Is 3 < "4"? (<yes> | no)');
  const html = String(asked["text/html"]);
  assertMatch(html, /<legend[^]*Is 3 &lt; &quot;4&quot;\?<\/legend>/);
  assertEquals(html.match(/type="radio" disabled/g)?.length, 2);
  assertEquals(html.includes("<yes>"), false);
  const shown = await cells.bundle(`await guess.reveal("<yes>", ["why", NaN]);`);
  assertEquals(shown["text/plain"], "measured: <yes>\n\nwhy\n\nNaN");
  const result = String(shown["text/html"]);
  assertMatch(result, /<details><summary[^]*Measured: <strong>&lt;yes&gt;<\/strong>[^]*why[^]*NaN/);
  assertEquals(result.includes("<details open"), false);
}

async function checkRange(cells: Cells): Promise<void> {
  const range = `{ from: 1, to: 4, step: 0.5, value: 2, unit: "×" }`;
  const asked = await cells.bundle(
    `const times = await notebook.predict("How many times less?", ${range});`,
  );
  assertEquals(asked["text/plain"], "Predict: How many times less? (1× to 4×)");
  assertMatch(String(asked["text/html"]), /type="range" min="0" max="6"[^]*value="2"[^]*2×/);
  const shown = await cells.bundle("await times.reveal(3.66);");
  assertEquals(shown["text/plain"], "measured: 3.66×");
  assertMatch(String(shown["text/html"]), /data-measured="3.66×" data-best="3.5×"/);
}

async function checkCheck(cells: Cells): Promise<void> {
  const text = await cells.text(`await check("1 < 2 & more", 1 < 2, "1 and 2");`);
  assertEquals(text, "✓ 1 < 2 & more: 1 and 2");
  const { "text/html": html } = await cells.bundle(`await check("S^½ < P_t", true);`);
  assertStringIncludes(String(html), "S<sup>½</sup> &lt; <i>P</i><sub>t</sub>");
  const { status, outputs } = await cells.run(`await check("2 < 1", 2 < 1, "2 and 1");`);
  assertEquals(status, "error");
  assert(outputs.length === 1 && outputs[0].output_type === "error");
  assertEquals(outputs[0].evalue, "check failed: 2 < 1; found 2 and 1");
}

/** One that is thrown where it is read is not shown as well. */
async function checkFailures(cells: Cells): Promise<void> {
  const { outputs } = await cells.run(
    `import { announceFailure } from "../../src/device/base.ts";
announceFailure("webgpu failed in a test");
announceFailure("and was read").thrown = true;
await new Promise((resolve) => setTimeout(resolve, 700));
undefined`,
  );
  const [name, text] = ["stderr", "webgpu failed in a test\n"];
  assertEquals(outputs, [{ output_type: "stream", name, text }]);
}

Deno.test("a result that is none of the listed answers is refused, and so is a list of none", async () => {
  const guess = await predict("How many?", [4, 7]);
  const message = "the result must be one of the answers 4, 7, found 6";
  await assertRejects(() => guess.reveal(6), RangeError, message);
  await assertRejects(
    () => predict("How many?", []),
    RangeError,
    "a prediction needs values, found none",
  );
});
