/** VeRA in the commands for low-rank updates: described on its base, and written as LoRA. */

import { assert, assertEquals } from "@std/assert";
import { readAdapter } from "../../src/formats/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { writeVera } from "../support/vera_folder.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

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
