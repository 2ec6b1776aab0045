/** `lowrank inspect` beside bases of any family, and its summary of many modules. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { digits, median } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { writeAdapter, writeSafetensors } from "../../src/formats/mod.ts";
import type { UpdateRow } from "../../src/inspect/mod.ts";
import { gaussian } from "../../src/linalg/mod.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear");

/** Left singular vectors of W + ΔW, among the first 10, with no |cosine| of 0.5 in W: by NumPy's SVD. */
const numpyIntruders = [5, 2, 6, 1, 2, 5, 7, 6];

Deno.test("inspect --intruders counts the directions that NumPy finds in no weight of the base", async () => {
  const { modules } = await lowrankJson("inspect", adapter, "--base", model, "--intruders");
  const counts = modules.map((row: { intruders: { count: number } }) => row.intruders.count);
  assertEquals(counts, numpyIntruders);
  const { stdout } = await lowrank("inspect", adapter, "--base", model, "--intruders");
  assertStringIncludes(stdout, "|dW|/|W|  factor  random  ratio  intruders\n0.attn.c_attn ");
  assertEquals(stdout.match(/ \d of 10$/gm)?.length, 8);
  await assertFails(
    ["inspect", adapter, "--intruders"],
    "--intruders needs the base's weights: give --base too",
  );
});

Deno.test("the guide of a first adapter shows the tables that inspect --base prints", async () => {
  const guide = await Deno.readTextFile("docs/first_adapter.md");
  const titles = guide.match(/(?<=^ {4})site {2}.*$/gm)!;
  const fused = "models/rank-study/qv-r8-seed1";
  const { stdout } = await lowrank("inspect", fused, "--base", "models/tiny-gpt2");
  const printed = stdout.match(/^site {2}.*$/gm)!;
  const words = (lines: readonly string[]) => lines.map((line) => line.split(/\s+/));
  assertEquals(words(titles), words(printed));
  for (const name of words(printed).flat().filter((word) => /^[a-z]{5,}$/.test(word))) {
    assertStringIncludes(guide, `\`${name}\``, "explained");
  }
});

Deno.test("inspect --base reads a base that no forward pass is known of", () =>
  withFolder(async (folder) => {
    await Deno.copyFile(`${model}/model.safetensors`, `${folder}/model.safetensors`);
    await Deno.writeTextFile(`${folder}/config.json`, '{"model_type": "mamba"}');
    const c_attn = golden("adapters/peft_c_attn");
    const known = await lowrankJson("inspect", c_attn, "--base", model);
    assertEquals(await lowrankJson("inspect", c_attn, "--base", folder), known);
    await assertFails(
      ["inspect", adapter, "--base", folder],
      `the weight of transformer.h.0.attn.c_proj in ${folder} must not be square where the architecture`,
    );
  }));

Deno.test("inspect of many modules begins with the medians of each kind of layer", () =>
  withFolder(async (folder) => {
    const A = hostTensor([1, 2], [1, 0]);
    const updates = [3, 4].flatMap((size, kind) =>
      Array.from({ length: 13 }, (_, layer) => ({
        module: `model.layers.${layer}.${["attn.q", "mlp.up"][kind]}`,
        ...{
          A,
          B: hostTensor([size, 1], [layer + 1, ...Array(size - 1).fill(0)]),
          scaling: 1 + kind,
        },
      }))
    );
    await writeAdapter(folder, { updates, baseModelName: "some" });
    const { stdout } = await lowrank("inspect", folder);
    assertEquals(stdout.split("\n").slice(0, 9), [
      "base: some",
      "adapts: 26 sites (q, up) in 26 weights; names begin with model.layers.",
      "trained: 143 values; rank 1; scaling 1 to 2",
      "",
      "medians by kind  sites  rank  |dW|   stable  effective  90%  needed",
      "attn.q              13  1     7.000  1.00    1.00       1.0  1.0",
      "mlp.up              13  1     14.00  1.00    1.00       1.0  1.0",
      "",
      "site       rank  |dW|   largest  spectrum  stable  effective  90%  needed",
    ]);
    const { modules, kinds } = await lowrankJson("inspect", folder);
    assertEquals([modules.length, kinds[1].frobenius], [26, 14]);
    await writeAdapter(folder, { updates: updates.slice(0, 24) });
    assertEquals((await lowrank("inspect", folder)).stdout.includes("medians by kind"), false);
  }));

Deno.test("one layer with a huge factor does not become that of its kind, and chance is beside it", () =>
  withFolder(async (folder) => {
    const [base, adapter] = [`${folder}/base`, `${folder}/adapter`], size = 4;
    const random = new Random(3),
      draw = (rows: number, columns: number) =>
        hostTensor([rows, columns], gaussian(rows, columns, random).data);
    const layers = Array.from({ length: 25 }, (_, layer) => `model.layers.${layer}.mlp.up`);
    const weights = layers.map((_, layer) => {
      const W = draw(size, size + 1);
      if (layer > 0) return W;
      // The update of layer 0 reads and writes where W has next to nothing.
      W.data.fill(0, 0, size + 1);
      W.data[0] = 1e-6;
      return W;
    });
    const one = (length: number) => Array.from({ length }, (_, i) => i === 0 ? 1 : 0);
    const updates = layers.map((module, layer) => ({
      module,
      A: layer > 0 ? draw(1, size + 1) : hostTensor([1, size + 1], one(size + 1)),
      B: layer > 0 ? draw(size, 1) : hostTensor([size, 1], one(size)),
      scaling: 1,
    }));
    await writeAdapter(adapter, { updates });
    await Deno.mkdir(base);
    await Deno.writeTextFile(`${base}/config.json`, '{"model_type": "some"}');
    const tensors = layers.map((name, i) => [`${name}.weight`, weights[i]] as const);
    await writeSafetensors(`${base}/model.safetensors`, tensors);
    const { modules, kinds: [kind] } = await lowrankJson("inspect", adapter, "--base", base);
    const factors = modules.map(({ amplification }: UpdateRow) => amplification!.factor);
    assert(factors[0] > 1e5);
    assertAlmostEquals(kind.factor, median(factors), 1e-9);
    assertNotEquals(digits(kind.timesRandom, 3), digits(kind.factor / kind.randomFactor, 3));
    assert(kind.factor < 10 && kind.randomFactor < 10, `${kind.factor}`);
    const { stdout } = await lowrank("inspect", adapter, "--base", base);
    const note =
      "medians by kind: of each column on its own, so that ratio is not factor / random there";
    assertStringIncludes(stdout, note);
    const shown = stdout.split("\n").find((line) =>
      /^mlp.up .* [\d.]+ .*[\d.]+$/.test(line) && !line.includes(" 25 ")
    )!;
    assertEquals(
      shown.split(/ +/).slice(2).map(Number),
      [kind.factor, kind.randomFactor, kind.timesRandom].map((value) => Number(digits(value, 3))),
    );
  }));
