/** The frame of the experiments: what it makes of claims, captions and progress. */

import { assertEquals, assertRejects } from "@std/assert";
import { type Claim, judge } from "../../experiments/frame/claim.ts";
import type { ExperimentContext } from "../../experiments/frame/planned_runs.ts";
import {
  experiment,
  type ExperimentDefinition,
  LeftOut,
} from "../../experiments/frame/experiment.ts";
import { DryDevice } from "../../src/device/dry.ts";
import type { RunResult } from "../../src/runs/mod.ts";

const claim = (more: Partial<Claim<number>> = {}): Claim<number> => ({
  text: "It is small",
  rule: "held when it is below 3",
  holds: (value) => value < 3,
  found: (value) => `It is ${value}.`,
  ...more,
});

const verdictOf = (more: Partial<Claim<number>>, value: number, quick = false) =>
  judge(claim(more), value, quick).verdict;

Deno.test("a broken claim says whether scale or the paper's number is what broke it", () => {
  assertEquals(verdictOf({}, 4), "not held");
  assertEquals(verdictOf({ scale: true }, 4), "not held at this scale");
  assertEquals(verdictOf({ printed: true }, 4), "differs from the paper");
  for (const more of [{}, { scale: true }, { printed: true }]) {
    assertEquals(verdictOf(more, 2), "held");
  }
});

Deno.test("a number that is none keeps no claim", () => {
  assertEquals(verdictOf({}, NaN), "not held");
});

Deno.test("a quick run judges what does not depend on scale, and what is said to be judged", () => {
  const notJudged = "not judged (quick run)";
  for (const value of [2, 4]) {
    assertEquals(verdictOf({ scale: true }, value, true), notJudged);
    assertEquals(verdictOf({ printed: true, quick: false }, value, true), notJudged);
  }
  assertEquals(verdictOf({}, 4, true), "not held");
  assertEquals(verdictOf({ printed: true }, 4, true), "differs from the paper");
  assertEquals(verdictOf({ scale: true, quick: true }, 4, true), "not held at this scale");
});

Deno.test("a finding has the claim's words, which may depend on the rows", () => {
  assertEquals(judge(claim({ text: (value) => `At ${value} it is small` }), 2, false), {
    claim: "At 2 it is small",
    rule: "held when it is below 3",
    found: "It is 2.",
    verdict: "held",
  });
});

Deno.test("what --full measured stands beside a finding that is held, and beside no other", () => {
  const found = (value: number, quick = false) =>
    judge(claim({ scale: true, brokenInFull: "φ: 0" }), value, quick).found;
  assertEquals(found(2), "It is 2. With --full it did not hold (quoted from decision 0013): φ: 0.");
  assertEquals(found(4), "It is 4.");
  assertEquals(found(2, true), "It is 2.");
});

const definition: ExperimentDefinition<unknown, number> = {
  ...{ name: "small", title: "Small", question: "Is it?", source: "us" },
  settings: (value) => `Value ${value}.`,
  rows: () => 2,
  claims: [claim()],
};

/** What an experiment gives and reports on a device that computes nothing. */
async function outcomeOf(
  more: Partial<ExperimentDefinition<unknown, number>>,
  context: Partial<ExperimentContext> = {},
) {
  using device = new DryDevice();
  const { signal } = new AbortController(), shares: number[] = [];
  const report = (share: number) => void shares.push(share);
  const base = { device, out: "", seeds: [1], quick: false, full: false, signal, report };
  const outcome = await experiment({ ...definition, ...more }).run({ ...base, ...context });
  return { ...outcome, shares };
}

Deno.test("seeds stand in captions, rising, where a figure asks for them", async () => {
  const figure = { id: "f", title: "F", data: [], layout: {} };
  const { figures } = await outcomeOf({
    figures: [
      () => ({ ...figure, caption: "One mark for each seed ({seeds}); lines: seed {seed}." }),
      (value) => [1, 2].map((n) => ({ ...figure, caption: `${n} of ${value}, {seeds}` })),
    ],
  }, { seeds: [3, 1, 2] });
  assertEquals(figures.map(({ caption }) => caption), [
    "One mark for each seed (1, 2, 3); lines: seed 3.",
    "1 of 2, 1, 2, 3",
    "2 of 2, 1, 2, 3",
  ]);
});

Deno.test("what is left out says why, and claims nothing", async () => {
  const { settings, findings } = await outcomeOf({ rows: () => new LeftOut("it is Sunday") });
  assertEquals([settings, findings], ["Left out: it is Sunday.", []]);
});

Deno.test("claims may depend on the rows", async () => {
  const { findings } = await outcomeOf({ claims: (value) => value > 1 ? [] : [claim()] });
  assertEquals(findings, []);
});

Deno.test("an experiment says once that its claims depend on scale; a claim may say otherwise", async () => {
  const broken = claim({ holds: () => false });
  const claims = [broken, { ...broken, scale: false }];
  const verdicts = async (quick: boolean) =>
    (await outcomeOf({ scale: true, claims }, { quick })).findings.map(({ verdict }) => verdict);
  assertEquals(await verdicts(false), ["not held at this scale", "not held"]);
  assertEquals(await verdicts(true), ["not judged (quick run)", "not held"]);
});

Deno.test("results come in the order of the runs, and progress never falls", async () => {
  const runs = ["a", "b"].map((label) => ({
    label,
    steps: 2,
    chosen: label,
    spec: () => ({}) as RunResult["spec"],
    make({ onStep }: { onStep?: (step: number) => void }) {
      for (const step of [0, 1]) onStep?.(step);
      return Promise.resolve({ folder: label } as RunResult);
    },
  }));
  let folders: string[] = [];
  const { shares, settings } = await outcomeOf({
    runs: () => runs,
    rows(made, { report }) {
      folders = made.map(({ folder, chosen }) => `${folder} ${chosen}`);
      report(0.5, "measured");
      return 2;
    },
  });
  assertEquals([folders, settings], [["a a", "b b"], "Value 2."]);
  assertEquals(shares, shares.toSorted((a, b) => a - b));
  assertEquals(shares.at(-1), 1);
});

Deno.test("a rule that throws is an error of the experiment, and no verdict", async () => {
  const holds = () => {
    throw new TypeError("no such row");
  };
  await assertRejects(() => outcomeOf({ claims: [claim({ holds })] }), TypeError, "no such row");
});
