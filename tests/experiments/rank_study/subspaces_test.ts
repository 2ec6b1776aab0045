/** Subspaces of the rank study: their figures, and what they share at step 0. */

import "../../support/open_lapack.ts";
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { acrossFigure, diagonalFigure } from "../../../experiments/rank_study/subspaces.ts";
import type { Grid } from "../../../src/analysis/subspaces.ts";
import {
  type ModuleSimilarity,
  startGrids,
} from "../../../experiments/rank_study/subspace_rows.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";

/** A grid that says its place: i + j / 100, over `scale`. */
const grid = (rows: number, scale: number): Grid =>
  Array.from(
    { length: rows },
    (_, i) => Array.from({ length: 64 }, (_, j) => (i + 1 + (j + 1) / 100) / scale),
  );

const module: ModuleSimilarity = {
  ...{ site: "q", layer: 0, ranks: grid(8, 10), seeds: grid(64, 100) },
  control: { ranks: grid(8, 20), seeds: grid(64, 200) },
};
const drawn = ["A", "ΔW·S^½"].map((space) => ({ space, modules: [module] }));

Deno.test("the slider's steps are rows of figure 3 at powers of two, and all but the first have only new heights", () => {
  const { data, slider } = acrossFigure(drawn), { steps } = slider!;
  assertEquals(steps.map(({ label }) => label), ["1", "2", "4", "8"]);
  assertEquals(data.map(({ name, xaxis }) => [name, xaxis]), [
    ["q, layer 1", "x"],
    ["Gaussian, layer 1", "x"],
    ["q, layer 1", "x2"],
    ["Gaussian, layer 1", "x2"],
  ]);
  const [line, control] = steps.at(-1)!.data;
  assertEquals(Object.keys(line), ["type", "y"]);
  assertEquals([(line.y as number[]).at(-1), (control.y as number[]).at(-1)], [0.864, 0.432]);
  assertEquals((data[0].x as number[]).at(-1), 64);
});

Deno.test("the diagonal stands at its places", () => {
  const [trace] = diagonalFigure(drawn).data, [x, y] = [trace.x, trace.y] as number[][];
  assertEquals([x[0], x[1], x.at(-1)], [1, 4, 64]);
  assertEquals([y[1], y.at(-1)], [0.04, 0.646]); // (4 + 4 / 100) / 100, (64 + 0.64) / 100
});

Deno.test("at step 0 φ is chance with different seeds and 1 with equal ones", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const { different, equal, width } = await startGrids({ device });
  assertAlmostEquals(different[7][63], 64 / width, 0.03);
  assertAlmostEquals(equal[7][63], 1, 1e-9);
});
