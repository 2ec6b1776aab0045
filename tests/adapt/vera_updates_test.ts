/** VeRA's changes of weights from files: what their factors are, and when they are made. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mergedTensor } from "../../src/adapt/merge_blocks.ts";
import { planMerge } from "../../src/adapt/merge_plan.ts";
import { readValues } from "../../src/adapt/saved_values.ts";
import { parseVera, type VeraFile } from "../../src/adapt/vera/load.ts";
import { veraUpdates, withinSides } from "../../src/adapt/vera/updates.ts";
import { deltaWeight } from "../../src/core/low_rank_update.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { type BaseFile, openBase } from "../../src/models/base_file.ts";
import { assertAllClose } from "../support/all_close.ts";
import { writeVera } from "../support/vera_folder.ts";
import { golden, withFolder } from "./fixtures.ts";

/** An adapter of random vectors beside its base. */
async function withVera(
  use: (base: BaseFile, file: VeraFile, folder: string) => Promise<void> | void,
): Promise<void> {
  await withFolder(async (parent) => {
    const folder = await writeVera(`${parent}/vera`);
    using base = await openBase(golden("gpt2_tiny"));
    await use(base, parseVera(await readValues(folder)), folder);
  });
}

/** b ⊙ (B (d ⊙ A)) of a layer, entry by entry. */
async function dense(folder: string, module: string, inputs: number): Promise<Float64Array> {
  const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
  const of = (name: string) => tensors.get(`base_model.${name}`)!;
  const [A, B] = [of("vera_A"), of("vera_B")], [rank, stride] = A.shape;
  const [b, d] = ["b", "d"].map((letter) => of(`model.${module}.vera_lambda_${letter}`).data);
  return Float64Array.from({ length: b.length * inputs }, (_, at) => {
    const row = Math.floor(at / inputs), column = at % inputs;
    let sum = 0;
    for (let r = 0; r < rank; r++) {
      sum += B.data[row * rank + r] * d[r] * A.data[r * stride + column];
    }
    return b[row] * sum;
  });
}

Deno.test("the update of every layer is Λ_b B Λ_d A, in layers of any width", () =>
  withVera(async (base, file, folder) => {
    const updates = veraUpdates(base, file);
    assertEquals(new Set(updates.map(({ A }) => A.shape[1])), new Set([48, 192]));
    for (const { module, A, B, read } of updates) {
      const update = read(), expected = await dense(folder, module, A.shape[1]);
      assertEquals([update.A.shape, update.B.shape], [A.shape, B.shape]);
      assert(expected.some((value) => Math.abs(value) > 1e-3));
      // ΔW is rounded to F32; sums in another order cancel differently.
      const close = { relative: 2 ** -24, absolute: 1e-14, what: module };
      assertAllClose(deltaWeight(update).data, expected, close);
    }
  }));

Deno.test("a rank above a side of the weight becomes that side, with the same ΔW", () =>
  withVera((base, file) => {
    const [{ module, read }] = veraUpdates(base, file), update = read();
    assertEquals(withinSides(update), update);
    const [outputs, rank] = update.B.shape, wide = 60;
    const A = new Float64Array(wide * 48), B = new Float64Array(outputs * wide);
    A.set(update.A.data);
    for (let i = 0; i < outputs; i++) {
      B.set(update.B.data.subarray(i * rank, (i + 1) * rank), i * wide);
    }
    const padded = {
      ...update,
      A: { shape: [wide, 48], data: A },
      B: { shape: [outputs, wide], data: B },
    };
    const within = withinSides(padded);
    assertEquals([within.module, within.A.shape[0], within.scaling], [module, 48, 1]);
    assertEquals(deltaWeight(within), deltaWeight(update));
  }));

Deno.test("a merge makes the factors of a weight when it writes it, and keeps none", () =>
  withVera(async (base, _, folder) => {
    const { weights } = await planMerge(base, [folder]), made: string[] = [];
    assertEquals(weights.size, 8);
    for (const [key, change] of weights) {
      for (const [i, located] of change.updates.entries()) {
        const read = () => (made.push(key), located.read());
        change.updates[i] = { ...located, read };
      }
      const { pieces } = mergedTensor({ action: "cannot merge", file: base.file, key }, change);
      assertEquals(made, []);
      for await (const piece of pieces()) assert(piece.length > 0);
      assertEquals(made.splice(0), [key]);
      assert(change.sums.delta > 0);
    }
  }));

Deno.test("vectors of what is no linear layer are refused", () =>
  withVera((base, file) => {
    const norm = "transformer.h.0.ln_1";
    assertThrows(
      () => veraUpdates(base, { ...file, modules: [norm] }),
      RangeError,
      `VeRA needs linear layers, found ${norm}, whose weight is [48]`,
    );
  }));
