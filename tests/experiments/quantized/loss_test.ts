/** `quantized-loss`: its runs, and the rules of decision 0033 at their edges. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { lossBases, readBases } from "../../../experiments/quantized/loss/bases.ts";
import {
  judgedClaims,
  lossClaims,
  lossSettings,
  quantizedLoss,
} from "../../../experiments/quantized/loss/loss.ts";
import { type LossRow, lossRuns } from "../../../experiments/quantized/loss/rows.ts";
import { adaptationRun, loraMethod, methods } from "../../../experiments/adaptation/methods.ts";
import { planGloss } from "../../../experiments/gloss_runs.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { hashOf } from "../../../src/runs/mod.ts";

const [isPar, isRecovered, isBetter, costsNothing, isFiner] = lossClaims;

/** Losses of two seeds, 0.1 apart: the noise floor is 2 · 0.0707 · √(2/2) = 0.141. */
function rowsOf(
  losses: Readonly<Record<string, number>>,
  untrained: Readonly<Record<string, number>> = {},
) {
  const trained = lossBases.map(({ label }) => ["LoRA", label] as const);
  const all = [["everything", "F32"] as const, ...trained].flatMap(([trained, base]) =>
    [1, 2].map((seed): LossRow => {
      const loss = losses[trained === "everything" ? "full" : base] ?? 3;
      return { base, trained, seed, loss: loss + (seed === 1 ? -0.05 : 0.05) };
    })
  );
  const bases = readBases.map(({ label }): LossRow => {
    return { base: label, trained: "nothing", loss: untrained[label] ?? 4 };
  });
  return [...all, ...bases];
}

Deno.test("on a par is at most the noise floor above LoRA, and above full fine-tuning", () => {
  assertEquals(isPar.holds(rowsOf({ "NF4, 64": 3.14 })), true);
  assertEquals(isPar.holds(rowsOf({ "NF4, 64": 3.15 })), false);
  assertEquals(isPar.holds(rowsOf({ full: 2.85 })), false);
});

Deno.test("what is recovered must have been lost", () => {
  const lost = { "NF4, 64": 4.01 };
  assertEquals(isRecovered.holds(rowsOf({}, lost)), true);
  assertEquals(isRecovered.holds(rowsOf({})), false);
  assertEquals(isRecovered.holds(rowsOf({ "NF4, 64": 3.15 }, lost)), false);
});

Deno.test("FP4, scales in F32 and blocks of 256 are compared beyond the noise floor", () => {
  for (const [claim, base] of [[isBetter, "FP4, 64"], [isFiner, "NF4, 256"]] as const) {
    assertEquals(claim.holds(rowsOf({ [base]: 3.14 })), false);
    assertEquals(claim.holds(rowsOf({ [base]: 3.15 })), true);
  }
  assertEquals(costsNothing.holds(rowsOf({ "NF4, 64, scales in F32": 2.86 })), true);
  assertEquals(costsNothing.holds(rowsOf({ "NF4, 64, scales in F32": 2.85 })), false);
});

Deno.test("what is said of the rows has no NaN", () => {
  const rows = rowsOf({});
  for (const { ours, found } of lossClaims) {
    assert(!/NaN|undefined/.test(`${ours!(rows)} ${found?.(rows) ?? ""}`));
  }
});

Deno.test("one seed has no verdicts, and a base that lost nothing none on what is recovered", () => {
  const lost = rowsOf({}, { "NF4, 64": 4.01 });
  assertEquals(judgedClaims(lost), lossClaims);
  assert(!lossSettings(lost).includes("judged"));
  const one = lost.filter(({ seed }) => seed !== 2);
  assertEquals(judgedClaims(one), []);
  assertMatch(lossSettings(one), /One seed gives no noise floor: nothing is judged/);
  assertEquals(judgedClaims(rowsOf({})), lossClaims.filter((claim) => claim !== isRecovered));
  assertMatch(lossSettings(rowsOf({})), /not worse in NF4: that it recovers is not judged/);
});

Deno.test("every base has its run, and those in F32 are runs of adaptation", async () => {
  using device = new DryDevice();
  const runs = lossRuns({ seeds: [1, 2], quick: false, full: true });
  assertEquals(runs.length, 2 * (1 + lossBases.length));
  const hashes = await Promise.all(runs.map(async (run) => hashOf(await run.spec(device))));
  assertEquals(new Set(hashes).size, runs.length);
  const shared = [methods[0], loraMethod(16)].map((method) =>
    planGloss(adaptationRun(method, "noun", 1, false), "")
  );
  for (const run of shared) assert(hashes.includes(await hashOf(await run.spec(device))));
});

Deno.test("the default job leaves it out, in a line", async () => {
  using device = new DryDevice();
  const { signal } = new AbortController(), report = () => {};
  const context = { device, seeds: [1], quick: false, full: false, out: "", signal, report };
  assertMatch(
    (await quantizedLoss.run(context)).settings,
    /^Left out: only --full trains its runs/,
  );
});
