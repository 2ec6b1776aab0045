/** `lowrank merge` and `resize` of what PEFT trains beside A and B, in files alone. */

import { assert, assertEquals } from "@std/assert";
import { openDevice } from "../../src/device/mod.ts";
import { loadAdapter, merge } from "../../src/adapt/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { loadModel, saveModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrankJson } from "./lowrank.ts";

const base = golden("gpt2_tiny");

const variants = ["peft_dora", "peft_lora_bias", "peft_bias_all", "peft_bias_only", "peft_tokens"];
for (const name of variants) {
  Deno.test(`merging files gives the weights that merging on a device does: ${name}`, () =>
    withFolder(async (folder) => {
      const adapter = golden(`adapters/${name}`), [files, device] = ["files", "device"];
      const to = (part: string) => `${folder}/${part}`;
      const paths = ["--model", base, "--adapter", adapter, "--output", to(files)];
      const { weights } = await lowrankJson("merge", ...paths);
      assert(weights.every(({ deltaNorm }: { deltaNorm: number }) => deltaNorm > 0));
      {
        using cpu = await openDevice({ kind: "cpu" });
        using model = await loadModel(cpu, base);
        using trained = await loadAdapter(model, adapter);
        using merged = merge(model, trained);
        await saveModel(merged, to(device));
      }
      const expected = await tensorsOf(to(device)), found = await tensorsOf(to(files));
      assertEquals([...found.keys()].sort(), [...expected.keys()].sort());
      for (const [key, { data }] of expected) {
        assertAllClose(found.get(key)!.data, data, { absolute: 1e-6, relative: 1e-5, what: key });
      }
    }));
}

Deno.test("several adapters with DoRA add up what each changes", () =>
  withFolder(async (folder) => {
    const [dora, plain] = ["peft_dora", "peft_c_attn"].map((name) => golden(`adapters/${name}`));
    const merged = async (...adapters: string[]) => {
      const output = `${folder}/${adapters.length}-${adapters[0].at(-1)}`;
      const all = adapters.flatMap((adapter) => ["--adapter", adapter]);
      await lowrankJson("merge", "--model", base, ...all, "--output", output);
      return await tensorsOf(output);
    };
    const [own, one, other, both] = [
      ...[await tensorsOf(base), await merged(dora), await merged(plain)],
      await merged(dora, plain),
    ];
    for (const [key, { data }] of own) {
      const sum = one.get(key)!.data.map((value, i) => value + other.get(key)!.data[i] - data[i]);
      assertAllClose(both.get(key)!.data, sum, { absolute: 1e-6, what: key });
    }
  }));

for (const name of ["peft_lora_bias", "peft_bias_only", "peft_tokens"]) {
  Deno.test(`resize keeps what was trained beside A and B: ${name}`, () =>
    withFolder(async (folder) => {
      const adapter = golden(`adapters/${name}`);
      await lowrankJson("resize", adapter, "--rank", "1", "--output", folder);
      const [before, after] = await Promise.all(
        [adapter, folder].map((each) => readAdapter(each, { withSaved: true })),
      );
      for (const part of ["saved", "biases", "biasMode", "rows"] as const) {
        assertEquals(after[part], before[part], part);
      }
      const biases = [before, after].map(({ updates }) =>
        updates.map(({ bias, scaling }) => bias?.data.map((value) => scaling * value))
      );
      assertEquals(biases[1], biases[0]);
      assert(after.updates.every(({ A }) => A.shape[0] === 1));
    }));
}

Deno.test("resize refuses what it would lose, and says why", () =>
  withFolder(async (folder) => {
    const to = ["--output", `${folder}/out`], dora = golden("adapters/peft_dora");
    const where =
      'found DoRA on "transformer.h.0.attn.c_attn", whose change of a weight depends on';
    await assertFails(["resize", dora, "--rank", "1", ...to], where, "convert --plain");
  }));
