/** `lowrank merge`, `resize`, `convert` and `inspect` of what is trained beside A and B, and of VeRA, in files alone. */

import { assert, assertEquals } from "@std/assert";
import { loadAdapter, merge } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { loadModel, saveModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { writeVera } from "../support/vera_folder.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

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
        using cpu = await openCpuDevice({ threads: 1 });
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
    await assertFails(
      ["resize", dora, "--rank", "1", ...to],
      where,
      "combine --base writes it as A and B",
    );
  }));

const onBase = ["--base", model];

Deno.test("convert writes VeRA as LoRA that computes the same, with or without its matrices", () =>
  withFolder(async (folder) => {
    const vera = await writeVera(`${folder}/vera`);
    const adapters = [vera, await writeVera(`${folder}/drawn`, false)];
    const logitsWith = async (adapter: string) => {
      const files = ["--input", golden("logits.json"), "--output", `${folder}/logits`];
      await lowrankJson("logits", "--model", model, "--adapter", adapter, ...files);
      return await tensorsOf(`${folder}/logits`);
    };
    const expected = await logitsWith(vera);
    for (const [i, adapter] of adapters.entries()) {
      const output = `${folder}/${i}`;
      const { from, modules } = await lowrankJson(
        "convert",
        adapter,
        ...onBase,
        "--output",
        output,
      );
      assertEquals([from, modules.length], ["peft", 8]);
      for (const { rank, scaling, difference, limit } of modules) {
        assertEquals([rank, scaling], [8, 1]);
        assert(difference > 0 && difference <= limit, `${difference} is what rounding explains`);
      }
      const { config, updates } = await readAdapter(output);
      assertEquals([config.rank, config.alpha, updates.length], [8, 8, 8]);
      const found = await logitsWith(output);
      for (const [key, { data }] of expected) {
        assertAllClose(found.get(key)!.data, data, { absolute: 5e-5, what: key });
      }
    }
  }));

interface Row {
  readonly name: string;
  readonly rank: number;
  readonly singularValues: readonly number[];
  readonly relativeNorm: number;
}

Deno.test("inspect shows of VeRA what it shows of the same LoRA", () =>
  withFolder(async (folder) => {
    const vera = await writeVera(`${folder}/vera`);
    await lowrankJson("convert", vera, ...onBase, "--output", `${folder}/lora`);
    const rowsOf = async (adapter: string): Promise<Row[]> =>
      (await lowrankJson("inspect", adapter, ...onBase)).modules;
    const [own, same] = [await rowsOf(vera), await rowsOf(`${folder}/lora`)];
    assertEquals(
      own.map(({ name, rank }) => [name, rank]),
      same.map((row) => [row.name, row.rank]),
    );
    for (const [i, { name, singularValues, relativeNorm }] of own.entries()) {
      const others = [...same[i].singularValues, same[i].relativeNorm];
      const absolute = 1e-6 * singularValues[0];
      assert(singularValues[0] > 0);
      assertAllClose([...singularValues, relativeNorm], others, { absolute, what: name });
    }
    const { stdout, stderr } = await lowrank("inspect", vera, ...onBase);
    // b has as many values as a layer has outputs, d has r.
    const values = 2 * (144 + 48 + 192 + 48 + 4 * 8);
    assertEquals(stdout.split("\n").slice(1, 3), [
      "adapts: 8 sites (c_attn, c_proj, c_fc) in 8 weights; names begin with transformer.h.",
      `trained: ${values} values (VeRA's b and d); rank 8; scaling 1`,
    ]);
    assertEquals(stderr, "");
  }));

Deno.test("VeRA of another base, or with --allow, is refused, and nothing is written", () =>
  withFolder(async (folder) => {
    const vera = await writeVera(`${folder}/vera`);
    const output = ["--output", `${folder}/out`], other = ["--base", golden("families/llama")];
    for (const command of [["inspect", vera], ["convert", vera, ...output]]) {
      await assertFails([...command, ...other], "found none of transformer.h.0.attn.c_attn.weight");
      await assertFails(
        [...command, ...onBase, "--allow", "ranks"],
        "--allow is about LoRA, found",
      );
    }
    assertEquals(filesIn(folder), ["vera"]);
  }));
