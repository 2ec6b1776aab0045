import { assert, assertEquals } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { ExperimentContext } from "../../experiments/frame/planned_runs.ts";
import type { Experiment } from "../../experiments/frame/experiment.ts";
import { glossData, planGloss } from "../../experiments/gloss_runs.ts";
import { makeRuns } from "../../experiments/frame/planned_runs.ts";
import type { PlannedRun } from "../../src/runs/plan.ts";
import { archived, experiments } from "../../experiments/registry.ts";
import { makeShard } from "../../experiments/frame/shard.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import "../support/open_lapack.ts";

const data = {
  ...glossData("noun", true),
  ...{ examples: 16, batch: 4 },
  evaluation: { split: "validation", examples: 4 },
} as const;

/** Two steps on the small base. */
function tinyRun(rank: number, seed: number): PlannedRun {
  const method = { kind: "lora", rank, sites: ["q"] } as const;
  return planGloss({ method, learningRate: 1e-2, seed, steps: 2, data }, `r = ${rank}`);
}

const reads = (name: string, plan: readonly PlannedRun[]): Experiment => ({
  name,
  seconds: 1,
  title: name,
  question: "",
  source: "",
  claims: [],
  runs: () => plan,
  run: () => Promise.reject(new Error("a shard only trains")),
});

/** Three runs, one of which two experiments read. */
const both = [
  reads("one", [tinyRun(1, 1), tinyRun(2, 1)]),
  { ...reads("none", []), runs: undefined },
  reads("two", [tinyRun(2, 1), tinyRun(2, 2)]),
];

Deno.test("runs are the same bits split or not, each made once, and joined by their folders", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const { signal } = new AbortController();
  const contextIn = (out: string): ExperimentContext => {
    return { device, out, signal, seeds: [1], quick: false, full: true, report: () => {} };
  };
  await withFolder(async (whole) => {
    await withFolder(async (split) => {
      const results = await makeRuns(
        [tinyRun(1, 1), tinyRun(2, 1), tinyRun(2, 2)],
        contextIn(whole),
      );
      assertEquals(await makeShard(both, { index: 1, count: 2 }, contextIn(split)), 2);
      assertEquals(filesIn(`${split}/runs`).length, 2);
      assertEquals(await makeShard(both, { index: 2, count: 2 }, contextIn(split)), 1);
      assertEquals(filesIn(`${split}/runs`), filesIn(`${whole}/runs`));
      for (const { folder, metrics } of results) {
        const other = folder.replace(whole, split), path = "adapter/adapter_model.safetensors";
        assertEquals(
          await Deno.readFile(`${other}/${path}`),
          await Deno.readFile(`${folder}/${path}`),
        );
        const joined = JSON.parse(await Deno.readTextFile(`${other}/metrics.json`));
        assertEquals(joined.loss, metrics.loss);
      }
    });
  });
});

Deno.test("every experiment that trains says which runs it reads", async () => {
  const all = [...experiments, ...archived];
  const planned = all.filter(({ runs }) => runs).map(({ name }) => name);
  for (const name of ["adaptation", "merging", "subspaces", "amplification", "which-rank"]) {
    assert(planned.includes(name), name);
  }
  const labels = new Set<string>();
  for (const { runs } of all) {
    for (const { label } of await runs?.({ seeds: [1, 2, 3], quick: false, full: true }) ?? []) {
      labels.add(label);
    }
  }
  assert(labels.has("q-r64-seed3") && labels.has("qv-r64-seed13"));
});
