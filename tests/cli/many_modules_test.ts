/** Files of very many small tensors: what reads them takes a time that is linear in them. */

import { assert, assertEquals } from "@std/assert";
import { injectUpdates, loadAdapter } from "../../src/adapt/mod.ts";
import { inferArchitecture, selectLayerSites } from "../../src/architectures/mod.ts";
import type { LowRankUpdate } from "../../src/core/update.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { alignColumns } from "../../src/figures/table.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
import { moduleSelector } from "../../src/formats/peft/config.ts";
import { describeUpdate, openBaseWeights, updateTable } from "../../src/inspect/mod.ts";
import { Perceptron } from "../../src/models/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { assertLinear } from "../support/growth.ts";
import { sparseFile, withServer } from "../support/range_server.ts";
import { lowrankJson } from "./lowrank.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `layers.${i}`);

/** A model of that many matrices. */
const modelOf = (count: number) =>
  sparseFile(Object.fromEntries(names(count).map((name) => [`${name}.proj.weight`, [2, 2]])));

const A = { shape: [1, 2], data: Float32Array.of(1, -2) };
const B = { shape: [2, 1], data: Float32Array.of(3, 0.5) };
const updatesOf = (count: number): LowRankUpdate[] =>
  names(count).map((module) => ({ module, A, B, scaling: 2 }));

Deno.test("tensors of a file are counted in linear time, with and without an adapter", () =>
  withFolder(async (folder) => {
    for (const options of [[], ["--rank", "1", "--target-modules", "all-linear"]]) {
      await assertLinear(2500, async (count) => {
        const path = `${folder}/${count}.safetensors`, { start, size } = modelOf(count);
        await Deno.writeFile(path, start);
        await Deno.truncate(path, size);
        const total = 4 * count * (options.length > 0 ? 2 : 1);
        return async () => {
          assertEquals((await lowrankJson("count", path, ...options)).total, total);
        };
      });
    }
  }));

Deno.test("tensors of a file at a URL are counted in linear time", () => {
  const sizes = [2500, 20_000];
  const files = Object.fromEntries(sizes.map((count) => [`/${count}.safetensors`, modelOf(count)]));
  return withServer(files, (address) =>
    assertLinear(sizes[0], (count) => async () => {
      const url = `${address}/${count}.safetensors`;
      assertEquals((await lowrankJson("count", "--url", url)).total, 4 * count);
    }));
});

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
