/** What ends a cell shows itself, in a real kernel; everything else is left to the kernel. */

import { assertEquals, assertMatch } from "@std/assert";
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

Deno.test("batches, trainings, figures and spectra at the end of a cell show themselves, once", async (t) => {
  await using cells = await Cells.start();
  assertEquals((await cells.run(made)).status, "ok");
  for (const [value, text] of shown) {
    await t.step(value, async () => {
      const { outputs: [first, ...rest] } = await cells.run(value), bundle = bundleOf(first);
      assertEquals(rest.map(bundleOf), [{}]);
      assertMatch(String(bundle["text/plain"]), text);
      assertMatch(String(bundle["text/html"]), /<(figure|table|div)/);
    });
  }
  await t.step("other values are the kernel's, and may have a method of their own", async () => {
    for (
      const value of ["({ a: 1 })", "[1, 2]", "new Map()", "({ rows: 2, columns: 2, data: [] })"]
    ) {
      assertEquals((await cells.run(value)).outputs.map(({ output_type }) => output_type), [
        "execute_result",
      ]);
    }
    const own = `const it = {};
it[Symbol.for("Jupyter.display")] = () => ({ "text/plain": "mine" });
it`;
    const { outputs } = await cells.run(own);
    assertEquals(outputs.map(bundleOf), [{ "text/plain": "mine" }]);
    assertEquals((await cells.run("Object.keys({})")).status, "ok");
  });
});
