/** `lowrank combine` of adapters that have sites of one weight. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { LowRankUpdate } from "../../src/core/low_rank_update.ts";
import { Random } from "../../src/core/random.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { denseOf, frobeniusNorm, multiply, scaledBy } from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { lowrankJson } from "./lowrank.ts";

const dense = ({ A, B, scaling }: LowRankUpdate) =>
  scaledBy(multiply(denseOf(B), denseOf(A)), scaling);

Deno.test("sites of one weight stay apart, unless another adapter has the whole weight", () =>
  withFolder(async (folder) => {
    const study = "models/rank-study/qv-r8-seed", output = ["--output", `${folder}/out`];
    const { modules } = await lowrankJson("combine", `${study}1:0.5`, `${study}2:0.5`, ...output);
    const names = [0, 1].flatMap((h) =>
      ["q", "v"].map((role) => `transformer.h.${h}.attn.c_attn:${role}`)
    );
    assertEquals(modules.map(({ name }: { name: string }) => name), names);
    assertEquals(
      modules.map(({ ranks, rank }: Record<string, unknown>) => [ranks, rank]),
      names.map(() => [[8, 8], 16]),
    );
    // The same difference in two ways: A − B from both, or from the sum less 2 B.
    const [sites, plain] = [golden("adapters/block_qv"), golden("adapters/peft_c_attn")];
    const mixed = await lowrankJson("combine", sites, plain, ...output);
    assertEquals(mixed.modules[0].ranks, [4, 4]);
    const [a, b, c] = await Promise.all([sites, plain, `${folder}/out`].map(async (each) => {
      return dense((await readAdapter(each)).updates[0]);
    }));
    assertAllClose(c.data, a.data.map((value, i) => value + b.data[i]), {
      absolute: 1e-6 * frobeniusNorm(c),
    });
  }));

Deno.test("sites that share some rows are summed as updates of the whole weight", () =>
  withFolder(async (folder) => {
    const matrix = (rows: number, columns: number, seed: number) => {
      const random = new Random(seed);
      const data = Float32Array.from({ length: rows * columns }, () => random.normal());
      return { shape: [rows, columns], data };
    };
    const sites = [
      { role: "q", rows: { start: 0, count: 4 } }, // as a part with a name,
      { rows: { start: 2, count: 6 } }, // half of it and more,
      { rows: { start: 0, count: 4 } }, // and all of it without the name
    ] as const;
    const updates = sites.map((site, i): LowRankUpdate => ({
      ...{ module: "h.0.attn.c_attn", outputs: 12, ...site, scaling: i + 0.5 },
      ...{ A: matrix(2, 5, i), B: matrix(site.rows.count, 2, i + 9) },
    }));
    for (const [i, update] of updates.entries()) {
      await writeAdapter(`${folder}/${i}`, { updates: [update] });
    }
    const out = `${folder}/out`, weights = [1, -2, 0.5];
    for (const used of [[0, 1], [0, 2], [0, 1, 2]]) {
      const args = used.map((i) => `${folder}/${i}:${weights[i]}`);
      const { modules } = await lowrankJson("combine", ...args, "--output", out);
      assertEquals(modules.map(({ name }: { name: string }) => name), ["h.0.attn.c_attn"]);
      const expected = new Float64Array(12 * 5);
      for (const i of used) {
        const { rows: { start } } = sites[i];
        dense(updates[i]).data.forEach((value, at) =>
          expected[5 * start + at] += weights[i] * value
        );
      }
      const [sum] = (await readAdapter(out)).updates;
      assertAllClose(dense(sum).data, expected, { absolute: 1e-5 });
    }
    const rows = await lowrankJson("compare", `${folder}/0`, `${folder}/1`);
    assertStringIncludes(JSON.stringify(rows), '"h.0.attn.c_attn"');
  }));
