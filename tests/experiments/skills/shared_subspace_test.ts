/** The shared subspace: planted subspaces are found, independent ones are at chance, and rows have their shape. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  heldByMean,
  heldShares,
  ownShares,
  type Products,
  projectionWeights,
  sizes,
} from "../../../experiments/skills/shared_subspace/held.ts";
import { openSkillsBase, scoreTexts } from "../../../experiments/skills/runs.ts";
import { openSums } from "../../../experiments/skills/shared_subspace/answers.ts";
import { sharedClaims } from "../../../experiments/skills/shared_subspace/claims.ts";
import {
  type HeldRow,
  heldRows,
  othersOf,
  type SharedRows,
} from "../../../experiments/skills/shared_subspace/rows.ts";
import {
  allStarts,
  sharedLora,
  sharedRuns,
  startSeed,
  type Trained,
  unseenTexts,
} from "../../../experiments/skills/shared_subspace/runs.ts";
import { sharedSubspace } from "../../../experiments/skills/shared_subspace/shared_subspace.ts";
import shipped from "../../../experiments/skills/shared_subspace/shared_subspace.json" with {
  type: "json",
};
import { sharedTasks } from "../../../experiments/skills/shared_subspace/tasks.ts";
import { normsOf, productsOf, views } from "../../../experiments/skills/shared_subspace/views.ts";
import { injectLora } from "../../../src/adapt/mod.ts";
import type { LowRankFactors } from "../../../src/analysis/mod.ts";
import { mean } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import { splitOf } from "../../../src/data/mod.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import type { TextModel } from "../../../src/models/mod.ts";
import { shareBase } from "../../../src/runs/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  gaussian,
  multiply,
  multiplyTransposed,
  orthonormalRows,
  svd,
  transposed,
} from "../../../src/linalg/mod.ts";
import { figureFaults } from "../../support/figure_rules.ts";
import "../../support/open_lapack.ts";

const places = Array.from({ length: 40 }, (_, at) => at);

const others = (item: number) => places.filter((at) => at !== item);

/** Vectors as items of one row. */
function asProducts(vectors: DenseMatrix): Products {
  return { gram: multiplyTransposed(vectors, vectors), rows: 1 };
}

/** The mean share that is held of each of 40 left out. */
const leftOut = (products: Products, about: "zero" | "mean"): number[] => {
  const all = places.map((item) => heldShares(products, item, others(item), about));
  return sizes.map((_, at) => mean(all.map((shares) => shares[at])));
};

Deno.test("a planted subspace of four directions is found whole, about zero and about the mean", () => {
  const random = new Random(1), basis = orthonormalRows(4, 300, random);
  const inside = multiply(gaussian(40, 4, random), basis);
  for (const about of ["zero", "mean"] as const) {
    const [one, , four, eight] = leftOut(asProducts(inside), about);
    assert(one < 0.6, `${one}`);
    assertAlmostEquals(four, 1, 1e-9);
    assertAlmostEquals(eight, 1, 1e-9);
  }
});

Deno.test("independent vectors hold of one another what a random subspace does, k / D, though 16 hold half of their own", () => {
  const products = asProducts(gaussian(40, 300, new Random(2)));
  for (const about of ["zero", "mean"] as const) {
    leftOut(products, about).forEach((share, at) => {
      const expected = sizes[at] / 300; // of each of 40 χ² with so many degrees of freedom, over 300
      assertAlmostEquals(share, expected, 4 * expected * Math.sqrt(2 / sizes[at] / 40));
    });
    assert(ownShares(products, about)[4] > 16 / 40);
  }
});

Deno.test("shares are those of an SVD of the others", () => {
  const vectors = gaussian(40, 50, new Random(3)), products = asProducts(vectors);
  const rows = others(7).map((at) => vectors.data.subarray(at * 50, (at + 1) * 50));
  const middle = Array.from({ length: 50 }, (_, j) => mean(rows.map((row) => row[j])));
  for (const about of ["zero", "mean"] as const) {
    const from = about === "mean" ? middle : middle.map(() => 0);
    const less = (row: Float64Array) => row.map((value, j) => value - from[j]);
    const data = Float64Array.from(rows.flatMap((row) => [...less(row)]));
    const { right } = svd({ rows: 39, columns: 50, data });
    const own = less(vectors.data.subarray(350, 400));
    const along = Array.from(
      { length: 32 },
      (_, k) => own.reduce((sum, value, j) => sum + value * right.data[k * 50 + j], 0) ** 2,
    );
    const whole = own.reduce((sum, value) => sum + value ** 2, 0);
    const expected = sizes.map((k) => along.slice(0, k).reduce((a, b) => a + b) / whole);
    heldShares(products, 7, others(7), about).forEach((share, at) =>
      assertAlmostEquals(share, expected[at], 1e-9)
    );
  }
});

Deno.test("a mean that all share is held by its direction alone, and by nothing about it", () => {
  const random = new Random(4),
    noise = gaussian(40, 400, random),
    shared = gaussian(1, 400, random);
  const vectors = {
    ...noise,
    data: noise.data.map((value, at) => value + 3 * shared.data[at % 400]),
  };
  const products = asProducts(vectors);
  const byMean = mean(places.map((item) => heldByMean(products, item, others(item)).share));
  assertAlmostEquals(byMean, 0.9, 0.02);
  assert(leftOut(products, "zero")[4] < byMean + 0.02);
  assert(leftOut(products, "mean")[4] < 2 * 16 / 400);
});

Deno.test("weights give the projection", () => {
  const vectors = gaussian(40, 60, new Random(5)), products = asProducts(vectors);
  const at = (row: number) => vectors.data.subarray(row * 60, (row + 1) * 60);
  const all = others(3),
    middle = Array.from({ length: 60 }, (_, j) => mean(all.map((i) => at(i)[j])));
  for (const about of ["zero", "mean"] as const) {
    const weights = projectionWeights(products, 3, all, { about, size: 16 });
    const sum = Float64Array.from(
      middle,
      (_, j) => all.reduce((value, row, i) => value + weights[i] * at(row)[j], 0),
    );
    const from = about === "mean" ? middle : middle.map(() => 0);
    const whole = at(3).reduce((all, value, j) => all + (value - from[j]) ** 2, 0);
    const left = at(3).reduce((all, value, j) => all + (value - sum[j]) ** 2, 0);
    assertAlmostEquals(1 - left / whole, heldShares(products, 3, all, about)[4], 1e-9);
  }
  const { weight, share } = heldByMean(products, 3, all);
  const left = at(3).reduce((sum, value, j) => sum + (value - weight * middle[j]) ** 2, 0);
  const whole = at(3).reduce((sum, value) => sum + value ** 2, 0);
  assertAlmostEquals(1 - left / whole, share, 1e-9);
});

/** Updates of rank 2; those with a seed of A have the same A. */
function updatesOf(count: number, seed: number, seedOfA?: number): LowRankFactors[] {
  const random = new Random(seed);
  const tensor = ({ rows, columns, data }: DenseMatrix) => ({
    ...{ shape: [rows, columns], data: Float32Array.from(data) },
  });
  return Array.from({ length: count }, () => ({
    A: tensor(gaussian(2, 30, seedOfA === undefined ? random : new Random(seedOfA))),
    B: tensor(gaussian(20, 2, random)),
    scaling: 2,
  }));
}

Deno.test("views are inner products of ΔW, A and B at norm 1, and rows that add up to ΔW by modes", () => {
  const updates = updatesOf(3, 6);
  const whole = updates.map(({ A, B }) => multiply(denseOf(B), denseOf(A)));
  const cosine = (one: DenseMatrix, other: DenseMatrix) => {
    const inner = (a: DenseMatrix, b: DenseMatrix) =>
      a.data.reduce((sum, value, at) => sum + value * b.data[at], 0);
    return inner(one, other) / Math.sqrt(inner(one, one) * inner(other, other));
  };
  const [ofW, ofA, ofB] = (["ΔW", "A", "B"] as const).map((view) => productsOf(view, updates).gram);
  assertAlmostEquals(ofW.data[1], cosine(whole[0], whole[1]), 1e-6);
  assertAlmostEquals(ofA.data[2], cosine(denseOf(updates[0].A), denseOf(updates[2].A)), 1e-6);
  assertAlmostEquals(ofB.data[5], cosine(denseOf(updates[1].B), denseOf(updates[2].B)), 1e-6);
  const norm = Math.sqrt(whole[0].data.reduce((sum, value) => sum + value ** 2, 0));
  assertAlmostEquals(normsOf(updates)[0], norm, 1e-4);
  const square = multiplyTransposed(transposed(whole[0]), transposed(whole[1]));
  const { gram, rows } = productsOf("inputs", updates);
  const product = multiply(whole[0], transposed(whole[1])); // ‖ΔW₀ ΔW₁ᵀ‖ = ‖R₀ R₁ᵀ‖ for rows of inputs
  const sum = [0, 1].flatMap((i) => [2, 3].map((j) => gram.data[i * gram.columns + j] ** 2))
    .reduce((all, value) => all + value);
  const expected = product.data.reduce((all, value) => all + value ** 2, 0);
  const norms = normsOf(updates);
  assertEquals([rows, square.rows], [2, 30]);
  assertAlmostEquals(sum, expected / norms[0] ** 2 / norms[1] ** 2, 1e-6);
});

const adapters = (seedOfA?: number, tasks = sharedTasks): Trained[] => {
  const all = updatesOf(tasks.length, 7, seedOfA);
  return tasks.map((task, at) => ({
    ...{ task, starts: seedOfA === undefined ? "own" : "one", repeat: 1, exact: 1 },
    updates: [all[at]],
  }));
};

Deno.test("one A makes inputs alike and nothing else; independent updates are at chance in every view", () => {
  const of = (rows: ReturnType<typeof heldRows>, view: string) =>
    rows.find((row) => row.view === view && row.out === "one" && row.about === "zero")!;
  const half = sharedTasks.filter((_, at) => at % 2 === 0);
  const own = heldRows(adapters(undefined, half), "trained");
  const one = heldRows(adapters(8, half), "trained");
  assertAlmostEquals(of(own, "ΔW").k16, 16 / 600, 0.01);
  // Within four standard errors: by modes four adapters are left out, of two directions each.
  assertAlmostEquals(of(own, "inputs").k16, 16 / 30, 0.19);
  assertAlmostEquals(of(own, "outputs").k16, 16 / 20, 0.19);
  assertAlmostEquals(of(one, "inputs").k2, 1, 1e-6);
  assertAlmostEquals(of(one, "A").k1, 1, 1e-6);
  assertAlmostEquals(of(one, "ΔW").k16, 16 / 40, 0.1); // B alone is free: 2 x 20 values
  assertAlmostEquals(of(one, "outputs").k16, 16 / 20, 0.19);
  assertEquals(new Set(own.map(({ view }) => view)), new Set(views));
});

Deno.test("a family is left out whole, and as many that are drawn", () => {
  const all = adapters();
  for (const item of [0, 17, 39]) {
    const family = othersOf(all, item, "family"), drawn = othersOf(all, item, "drawn");
    assertEquals([family.length, drawn.length, othersOf(all, item, "one").length], [30, 30, 39]);
    assert(family.every((at) => all[at].task.family !== all[item].task.family));
    assert(drawn.some((at) => all[at].task.family === all[item].task.family));
    assert(!drawn.includes(item));
  }
});

Deno.test("forty tasks have names and answers of their own, and texts that are not measured", () => {
  assertEquals(sharedTasks.length, 40);
  assertEquals(new Set(sharedTasks.map(({ name }) => name)).size, 40);
  assertEquals(
    [...Map.groupBy(sharedTasks, ({ family }) => family).values()].map((of) => of.length),
    [
      ...[10, 10, 10, 10],
    ],
  );
  const answers = sharedTasks.slice(0, 30).map(({ answer }) => answer("paket"));
  assertEquals(new Set(answers).size, 30);
  assertEquals(["train", "test", "validation"].includes(splitOf("paket")), true);
});

Deno.test("with one start all adapters of a repeat begin with the same A, with starts of their own none", () => {
  const runs = sharedRuns({ seeds: [1, 2], quick: false, full: true }).map(({ chosen }) => chosen);
  assertEquals(runs.length, 160);
  const seeds = (starts: string) =>
    new Set(runs.filter((run) => run.starts === starts).map(startSeed)).size;
  assertEquals([seeds("one"), seeds("own")], [2, 80]);
});

/** Rows of three seeds in which every share is the same, but for some. */
function rowsOf(share: (row: Omit<HeldRow, "k1">) => number, whole = 90): SharedRows {
  const held = [1, 2, 3].flatMap((seed) =>
    allStarts.flatMap((starts) =>
      (["trained", "chance"] as const).flatMap((made) =>
        views.flatMap((view) =>
          (["one", "family", "drawn", "none"] as const).flatMap((out) =>
            (["zero", "mean"] as const).map((about): HeldRow => {
              const none = { seed, starts, made, view, out, about, mean: 0.4 };
              const all = { k1: 0, k2: 0, k4: 0, k8: 0, k16: 0, k32: 0 };
              return { ...none, ...all, k16: share({ ...none, ...all }) };
            })
          )
        )
      )
    )
  );
  const family = "a known skill", task = "reverse";
  const answers = [1, 2, 3].flatMap((seed) =>
    allStarts.map((starts) => ({
      seed,
      starts,
      task,
      family,
      base: 10,
      whole,
      projected: 40,
      mean: 5,
    }))
  );
  return { held, answers } as SharedRows;
}

const verdicts = (rows: SharedRows) => sharedClaims(rows).map(({ holds }) => holds(rows));

Deno.test("where all is chance, only rules that compare two shares of nothing hold; a shared subspace passes", () => {
  const byChance = verdicts(rowsOf(() => 0.01));
  assertEquals(byChance, [false, false, false, false, true, false, true, false, false]);
  const shared = rowsOf(({ made, starts, view, out }) =>
    made === "chance" || view === "A" && starts === "own" ? 0.01 : out === "family" ? 0.6 : 0.7
  );
  assertEquals(verdicts(shared), [true, true, true, true, true, true, true, true, false]);
});

Deno.test("a rule that one seed breaks does not hold, and adapters that learned nothing are not judged", () => {
  const broken = rowsOf(({ made, seed }) => made === "chance" ? 0.01 : seed === 2 ? 0.49 : 0.7);
  assertEquals(verdicts(broken).slice(1, 4), [false, false, false]);
  assertEquals(sharedClaims(rowsOf(() => 0.7, 49)), []);
});

Deno.test("a share that the start gives is no share of what is learned", () => {
  const rows = rowsOf(({ made, starts }) =>
    starts === "one" ? (made === "chance" ? 0.5 : 0.7) : 0.09
  );
  assertEquals(verdicts(rows)[4], false);
});

Deno.test("a job quotes the shipped rows, judges nine rules and draws a figure without faults", async () => {
  using device = await openCpuDevice({ blas: false });
  const context = { device, seeds: [1], quick: false, full: false, out: "", report() {} };
  const { findings, figures } = await sharedSubspace.run({
    ...context,
    signal: new AbortController().signal,
  });
  assertEquals(findings.map(({ verdict }) => verdict === "holds"), [
    ...[true, true, false, false, true, true, true, true, false],
  ]);
  assertEquals(figures.flatMap(figureFaults), []);
});

Deno.test("shipped rows are of 240 adapters, each case of every seed and start once", () => {
  const { held, answers } = shipped.rows as unknown as SharedRows;
  assertEquals([shipped.seeds, answers.length], [[1, 2, 3], 240]);
  const keys = held.map(({ seed, starts, made, view, out, about }) =>
    [seed, starts, made, view, out, about].join()
  );
  assertEquals([held.length, new Set(keys).size], [213, 213]);
  for (const { k1, k2, k4, k8, k16, k32 } of held) {
    const shares = [0, k1, k2, k4, k8, k16, k32, 1 + 1e-9];
    assertEquals(shares, shares.toSorted((one, other) => one - other));
  }
});

Deno.test("a sum with one weight is that adapter, and with none the base", async () => {
  using device = await openCpuDevice({ blas: false });
  using base = await openSkillsBase(device, "trained", 0);
  const adapters: Trained[] = [], losses: number[] = [];
  const texts = unseenTexts(sharedTasks[0], 8);
  for (const seed of [1, 2, 3]) {
    using adapter = injectLora(shareBase(base), { ...sharedLora, seed });
    const random = new Random(seed);
    const sites = adapter.sites.toSorted((one, other) => one.name < other.name ? -1 : 1);
    for (const { B: { tensor } } of sites) {
      device.write(tensor, random.uniformWithin(0.02, tensor.size));
    }
    const updates = await Promise.all(sites.map(async ({ A, B, scaling }) => {
      const [ownA, ownB] = await device.read(A.tensor, B.tensor);
      return { A: ownA, B: ownB, scaling };
    }));
    losses.push((await scoreTexts(adapter.model as TextModel, texts)).loss);
    adapters.push({ task: sharedTasks[0], starts: "own", repeat: 1, exact: 1, updates });
  }
  const sums = openSums(base, adapters);
  using summed = sums.adapter;
  const lossOf = async (weights: number[]) => {
    sums.use(adapters[0].updates.map(() => weights));
    return (await scoreTexts(summed.model as TextModel, texts)).loss;
  };
  assert(Math.abs(losses[0] - losses[1]) > 1e-3);
  assertAlmostEquals(await lossOf([1, 0, 0]), losses[0], 1e-5);
  assertAlmostEquals(await lossOf([0, 0, 1]), losses[2], 1e-5);
  assertAlmostEquals(await lossOf([0, 0, 0]), (await scoreTexts(base, texts)).loss, 1e-5);
});
