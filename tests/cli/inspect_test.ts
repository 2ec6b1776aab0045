/** `lowrank inspect` beside bases of any family, and its summary of many modules. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
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
  assertStringIncludes(stdout, "|dW|/|W|  factor  intruders\n0.attn.c_attn ");
  assertEquals(stdout.match(/ \d of 10$/gm)?.length, 8);
  await assertFails(
    ["inspect", adapter, "--intruders"],
    "--intruders needs the base's weights: give --base too",
  );
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

Deno.test("inspect of many modules begins with the means of each kind of layer", () =>
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
      "means by kind  sites  rank  |dW|   stable  effective  90%  needed",
      "attn.q            13  1     7.000  1.00    1.00       1.0  1.0",
      "mlp.up            13  1     14.00  1.00    1.00       1.0  1.0",
      "",
      "site       rank  |dW|   largest  spectrum  stable  effective  90%  needed",
    ]);
    const { modules, kinds } = await lowrankJson("inspect", folder);
    assertEquals([modules.length, kinds[1].frobenius], [26, 14]);
    await writeAdapter(folder, { updates: updates.slice(0, 24) });
    assertEquals((await lowrank("inspect", folder)).stdout.includes("means by kind"), false);
  }));
