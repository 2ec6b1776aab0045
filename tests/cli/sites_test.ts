/** `lowrank inspect`, `compare` and `resize` of modules that consist of sites, such as q and v in one weight. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { spectrum, truncateUpdate } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import {
  joinUpdates,
  readAdapter,
  type RowRange,
  siteName,
  writeAdapter,
} from "../../src/formats/mod.ts";
import { withFolder } from "../support/folders.ts";
import { tensorsOf } from "../support/golden.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";
import "../support/open_lapack.ts";
import { lowrankJson, model } from "./lowrank.ts";

Deno.test("inspect and compare show each site of a module separately, with its rows of the base", () =>
  withFolder(async (folder) => {
    const random = new Random(2), name = "transformer.h.1.attn.c_attn";
    const rows = [{ start: 0, count: 48 }, { start: 96, count: 48 }];
    const sites = rows.map((rows) => updateOf(name, 2, [144, 48], rows, random));
    await writeAdapter(folder, { updates: sites });
    const { modules } = await lowrankJson("inspect", folder, "--base", model);
    const names = [`${name}[0:48]`, `${name}[96:144]`];
    assertEquals(modules.map((one: { name: string }) => one.name), names);
    const { data } = (await tensorsOf(`${model}/model.safetensors`)).get(`${name}.weight`)!;
    sites.forEach((site, i) => {
      assertEquals(modules[i].singularValues, spectrum(site).singularValues);
      const own = data.filter((_, at) => Math.floor(at % 144 / 48) === 2 * i); // stored (in, out)
      assertAlmostEquals(modules[i].amplification.weightNorm / Math.hypot(...own), 1, 1e-12);
    });
    const compared = await lowrankJson("compare", folder, folder);
    assertEquals(compared.modules.map((one: { name: string }) => one.name), names);
    for (const { phi } of compared.modules) assertAlmostEquals(phi[1][1], 1, 1e-12);
  }));

Deno.test("compare takes a module as a whole if one adapter does not name its sites", () =>
  withFolder(async (folder) => {
    const name = "layer.0.qkv", random = new Random(3), [from, to] = ["/sites", "/whole"];
    const site = updateOf(name, 1, [6, 5], { start: 0, count: 3 }, random);
    await writeAdapter(folder + from, { updates: [site] });
    await writeAdapter(folder + to, { updates: [joinUpdates([site])] });
    for (const pair of [[from, to], [to, from]]) {
      const [one, other] = pair.map((end) => folder + end);
      for (const space of ["A", "delta-left", "delta-right"]) {
        const { modules } = await lowrankJson("compare", one, other, "--of", space);
        assertEquals(modules.map((each: { name: string }) => each.name), [name]);
        assertAlmostEquals(modules[0].phi[0][0], 1, 1e-12);
      }
    }
  }));

Deno.test("resize: each site of a module is cut separately, and stays a site", () =>
  withFolder(async (folder) => {
    const rows = [{ start: 0, count: 3 }, { start: 4, count: 2 }], random = new Random(1);
    const name = "layer.0.qkv", [from, to] = ["/from", "/to"];
    const sites = rows.map((rows, i) => updateOf(name, 2 - i, [6, 5], rows, random));
    await writeAdapter(folder + from, { updates: sites });
    const { modules } = await lowrankJson(
      ...["resize", folder + from, "--rank", "1", "--output", folder + to],
    );
    const { updates } = await readAdapter(folder + to);
    assertEquals(updates.map(siteName), [`${name}[0:3]`, `${name}[4:6]`]);
    updates.forEach((update, i) => {
      const { error, ...cut } = truncateUpdate(sites[i], 1);
      assertEquals(update, { ...sites[i], ...cut });
      assertEquals(modules[i], {
        name: siteName(sites[i]),
        ...{ before: 2 - i, rank: 1, error: error.relative },
      });
    });
  }));

/** An update of random A and B for some rows of a weight `(out, in)`. */
function updateOf(
  module: string,
  rank: number,
  [outputs, width]: readonly [number, number],
  rows: RowRange,
  random: Random,
) {
  const factor = (rows: number, columns: number) => {
    const { data } = gaussian(rows, columns, random);
    return { shape: [rows, columns], data: new Float32Array(data) };
  };
  const [A, B] = [factor(rank, width), factor(rows.count, rank)];
  return { module, rows, outputs, A, B, scaling: 0.5 };
}
