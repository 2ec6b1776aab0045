/** Files of very many small tensors: what reads them takes a time that is linear in them. */

import { assert, assertEquals } from "@std/assert";
import { injectUpdates, loadAdapter } from "../../src/adapt/mod.ts";
import { inferArchitecture, selectLayerSites } from "../../src/architectures/mod.ts";
import type { LowRankUpdate } from "../../src/core/low_rank_update.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { alignColumns } from "../../src/figures/plain_table.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
import { moduleSelector } from "../../src/formats/peft_patterns.ts";
import { describeUpdate, openBaseWeights, updateTable } from "../../src/inspect/mod.ts";
import { Perceptron } from "../../src/models/mod.ts";
import { withFolder } from "../support/folders.ts";
import { assertLinear } from "../support/growth.ts";
import { sparseFile, withServer } from "../support/range_server.ts";
import { lowrank, lowrankJson } from "./lowrank.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `layers.${i}`);

/** A model of that many matrices. */
const modelOf = (count: number) =>
  sparseFile(Object.fromEntries(names(count).map((name) => [`${name}.proj.weight`, [2, 2]])));

const A = { shape: [1, 2], data: Float32Array.of(1, -2) };
const B = { shape: [2, 1], data: Float32Array.of(3, 0.5) };
const updatesOf = (count: number): LowRankUpdate[] =>
  names(count).map((module) => ({ module, A, B, scaling: 2 }));

Deno.test("20,000 tensors are counted in less than two seconds, in a file and at a URL", () =>
  withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`, file = modelOf(20_000);
    await Deno.writeFile(path, file.start);
    await Deno.truncate(path, file.size);
    await lowrank("count", "gpt2"); // Loads what all calls need.
    const timed = async (total: number, ...args: string[]) => {
      const start = performance.now();
      assertEquals((await lowrankJson("count", ...args)).total, total);
      const ms = performance.now() - start;
      assert(ms < 2000, `${args}: ${ms.toFixed()} ms`);
    };
    await timed(80_000, path);
    await timed(160_000, path, "--rank", "1", "--target-modules", "all-linear");
    await withServer({ "/model.safetensors": file }, async (address) => {
      await timed(80_000, "--url", `${address}/model.safetensors`);
    });
  }));

Deno.test("modules are selected by a list of all of them in linear time", () =>
  assertLinear(2000, (count) => {
    const targetModules = names(count);
    return () => assert(targetModules.every(moduleSelector({ targetModules })));
  }));

Deno.test("every layer's site is selected by its name in linear time", () =>
  assertLinear(2000, (count) => {
    const tensors = names(count).map((name) => ({ name: `${name}.weight`, shape: [2, 2] }));
    const { linears } = inferArchitecture(tensors), sites = names(count);
    return () => assertEquals(selectLayerSites(linears, { sites }).length, count);
  }));

Deno.test("updates of every layer are injected in linear time", () =>
  assertLinear(1000, (count) => {
    const widths = Array.from({ length: count + 1 }, () => 2), updates = updatesOf(count);
    return () => {
      using device = new DryDevice();
      using model = Perceptron.init(device, { widths, biases: false }, 1);
      using adapter = injectUpdates(model, updates);
      assertEquals(adapter.sites.length, count);
    };
  }));

Deno.test("an adapter is loaded onto layers of longer names in linear time", () =>
  withFolder((folder) =>
    assertLinear(1000, async (count) => {
      const path = `${folder}/${count}`, widths = Array.from({ length: count + 1 }, () => 2);
      const updates = updatesOf(count).map(({ module, ...update }) => {
        return { ...update, module: `base.${module}` };
      });
      await writeAdapter(path, { updates });
      return async () => {
        using device = new DryDevice();
        using model = Perceptron.init(device, { widths, biases: false }, 1);
        using adapter = await loadAdapter(model, path);
        assertEquals(adapter.sites.length, count);
      };
    })
  ));

Deno.test("the weights beside updates are found in linear time", () =>
  withFolder((folder) =>
    assertLinear(125, async (count) => {
      const path = `${folder}/${count}`, d = 2;
      const sizes = { vocab_size: 2, n_positions: 2, n_embd: d, n_layer: count, n_head: 1 };
      const shapes = [["attn.c_attn", [d, 3 * d]], ["mlp.c_fc", [d, 4 * d]]] as const;
      const tensors = names(count).flatMap((_, i) =>
        shapes.map(([name, shape]): [string, number[]] => [`h.${i}.${name}.weight`, [...shape]])
      );
      const file = sparseFile(Object.fromEntries(tensors));
      await Deno.mkdir(path);
      const config = JSON.stringify({ model_type: "gpt2", ...sizes });
      await Deno.writeTextFile(`${path}/config.json`, config);
      await Deno.writeFile(`${path}/model.safetensors`, file.start);
      await Deno.truncate(`${path}/model.safetensors`, file.size);
      return async () => {
        using base = await openBaseWeights(path);
        for (let i = 0; i < count; i++) {
          const module = `transformer.h.${i}.attn.c_attn`;
          const B = { shape: [3 * d, 1], data: new Float32Array(3 * d) };
          await base.weightOf({ module, A, B, scaling: 1 });
        }
      };
    })
  ));

Deno.test("tables of 150,000 rows are printed", () => {
  const lines = Array.from({ length: 150_000 }, (_, i) => [`layers.${i}`, "1"]);
  assertEquals(alignColumns(lines, [false, true]).split("\n").length, 150_000);
  const row = describeUpdate(updatesOf(1)[0]);
  const rows = names(150_000).map((name) => ({ ...row, name }));
  assertEquals(updateTable(rows).rows[149_999].name, "149999");
});
