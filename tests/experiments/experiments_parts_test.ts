/** Quick runs of the experiments, seconds each: all is freed, judged, in the tables and drawn. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type {
  Experiment,
  ExperimentContext,
  MadeRun,
  Outcome,
} from "../../experiments/frame/mod.ts";
import { reproduce } from "../../experiments/frame/reproduce.ts";
import { loadBase } from "../../experiments/base_model.ts";
import { manyAdapters } from "../../experiments/cost/many_adapters.ts";
import {
  randomAdapter,
  ruledVariants as ruledSets,
} from "../../experiments/cost/random_adapters.ts";
import { loftqClaims, loftqErrors, ranks } from "../../experiments/quantized/loftq.ts";
import { memoryClaims, quantizedMemory } from "../../experiments/quantized/memory.ts";
import { stepMethods } from "../../experiments/quantized/training_steps.ts";
import { survival, survivalClaims } from "../../experiments/quantized/survival.ts";
import { forms } from "../../experiments/quantized/survival_rows.ts";
import { wasteFigures } from "../../experiments/rank_waste/rank_waste.ts";
import { wasteRows, type WasteRun, wasteRuns } from "../../experiments/rank_waste/rows.ts";
import { resident } from "../../experiments/cost/resident.ts";
import { ruledVariants as ruledRuns, runsAtOnce } from "../../experiments/cost/runs_at_once.ts";
import { injectUpdates } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Figure } from "../../src/figures/figure.ts";
import { plotSvg } from "../../src/figures/still.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { figureFaults } from "../support/figure_rules.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import "../support/open_lapack.ts";
import { silently } from "./silently.ts";

/** Runs one, whose figures can be drawn and which leaves nothing on the device. */
async function runOf(experiment: Experiment, quick = true): Promise<Outcome> {
  using device = await openCpuDevice({ threads: 2 });
  const before = device.ledger.read().live, { signal } = new AbortController();
  const context: ExperimentContext = {
    ...{ device, seeds: [1], quick, full: false, out: "", signal, report() {} },
  };
  const outcome = await experiment.run(context);
  assertEquals(device.ledger.read().live, before);
  for (const figure of outcome.figures) await assertDrawn(figure);
  return outcome;
}

async function assertDrawn(figure: Figure): Promise<void> {
  assertEquals(figureFaults(figure), [], figure.id);
  assertMatch(await plotSvg(figure), /^<svg/);
}

for (
  const [experiment, variants] of [[manyAdapters, ruledSets], [runsAtOnce, ruledRuns]] as const
) {
  Deno.test(`${experiment.name}: every variant is timed, and bits are the same`, async () => {
    const { findings, tables: [{ rows }] } = await runOf(experiment);
    assertEquals([findings.at(-1)!.verdict, rows.length], ["holds", variants.length]);
    assert(rows.every(({ minimum }) => Number(minimum) > 0));
  });
}

const withClaims = [
  [survival, survivalClaims, [forms, forms].map(({ length }) => 2 * length)],
  [loftqErrors, loftqClaims, [2 * ranks.length]],
  [quantizedMemory, memoryClaims, [3 * stepMethods.length, 25]],
] as const;

for (const [experiment, claims, rows] of withClaims) {
  Deno.test(`${experiment.name}: every claim is judged in words, and every row is in the tables`, async () => {
    const { findings, tables } = await runOf(experiment);
    assertEquals(findings.length, claims.length);
    for (const { verdict, found, ours } of findings) {
      assertMatch(verdict, /^(holds|does not hold)$/);
      assert(!/NaN|undefined|Infinity/.test(`${found} ${ours}`), found);
    }
    assertEquals(findings[0].verdict, "holds");
    assertEquals(tables.map(({ rows }) => rows.length), rows);
  });
}

Deno.test("survival: what FP4 loses is lost in a quick run as well", async () => {
  const { findings, settings } = await runOf(survival); // decision 0033, "seen before"
  assertMatch(settings, /which as trained is \d\.\d\d to \d\.\d\d times as large/);
  assertEquals(findings[1].verdict, "does not hold");
});

Deno.test("merging: the main job merges, unmerges and switches adapters exactly, and writes what it found", async () => {
  await withFolder(async (out) => {
    const options = {
      only: ["merging"],
      seeds: [1],
      deviceKind: undefined,
      out,
      quick: true,
      full: false,
    };
    using device = await openCpuDevice({ threads: 2 });
    const before = device.ledger.read().live;
    await silently(() => reproduce(device, options, new AbortController().signal));
    assertEquals(device.ledger.read().live, before);
    assertEquals(filesIn(out), ["adapters", "index.html", "partial.json", "runs"]);
    const { results, facts } = JSON.parse(await Deno.readTextFile(`${out}/partial.json`));
    assertMatch(facts.partial, /^by --only; without \d+ of \d+ experiments, which /);
    const [latency, exact, switched] = results[0].findings;
    for (const { verdict } of [latency, exact, switched]) assertEquals(verdict, "reproduced");
    assertMatch(latency.ours, /^0 of \d+ launches differ; unmerged 18 more$/);
    assertStringIncludes(exact.ours, "; 0 bits changed");
    const adapters = filesIn(`${out}/adapters`);
    assertEquals(adapters, ["nouns-lora-16-seed1", "verbs-lora-16-seed1"]);
    for (const name of adapters) {
      assertEquals((await readAdapter(`${out}/adapters/${name}`)).updates.length, 12);
    }
  });
});

Deno.test("rank-waste: rows of all kinds are measured of adapters in folders, and plotly takes the figures", async () => {
  await withFolder(async (out) => {
    using device = await openCpuDevice({ threads: 2 });
    const { signal } = new AbortController();
    const context = { device, seeds: [1], quick: true, full: false, out, signal, report() {} };
    const made = await Promise.all(
      wasteRuns(context).map(async ({ chosen }, i) => {
        using base = await loadBase(device);
        using adapter = injectUpdates(base, randomAdapter(base, chosen.rank, 1, i));
        await adapter.save(`${out}/${i}/adapter`);
        return { chosen, folder: `${out}/${i}` } as MadeRun<WasteRun>;
      }),
    );
    const before = device.ledger.read().live, rows = await wasteRows(made, context);
    assertEquals(device.ledger.read().live, before);
    // One seed has no pair of the same task, and rank 2 no other share than a half.
    assertEquals([rows.pairs.length, rows.sites.length, rows.bases.length], [24, 48, 8]);
    for (const { all, chance } of rows.pairs) assert(Math.abs(all - chance) < 0.02, `${all}`);
    for (const { way, values, error } of rows.bases) {
      if (way === "all" || way === "none") assertEquals(error, way === "none" ? 1 : 0);
      else assert(values <= rows.bases[0].values / 2 && error > 0 && error < 1);
    }
    for (const view of wasteFigures) await assertDrawn(view(rows));
  });
});

Deno.test({
  name: "resident: the system sees the ledger's peak, full and LoRA, few tokens and many",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { findings: [{ verdict }], tables: [{ rows }] } = await runOf(resident, false);
    assertEquals([verdict, rows.length], ["holds", 5]);
  },
});
