/** The frame of the experiments: what it makes of claims, captions and progress. */

import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { type Claim, claimsIn, judge } from "../../src/paper/claim.ts";
import { intervalOf, studentsT } from "../../src/paper/margin.ts";
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
  rule: "when it is below 3",
  holds: (value) => value < 3,
  ours: (value) => `${value}`,
  found: (value) => `It is ${value}.`,
  ...more,
});

const verdictOf = (more: Partial<Claim<number>>, value: number, quick = false) =>
  judge(claim(more), value, quick).verdict;

Deno.test("a broken claim says whether scale or the paper's number is what broke it", () => {
  assertEquals(verdictOf({}, 4), "not reproduced");
  assertEquals(verdictOf({ scale: true }, 4), "not reproduced at this scale");
  assertEquals(verdictOf({ exact: true }, 4), "differs");
  for (const more of [{}, { scale: true }, { exact: true }]) {
    assertEquals(verdictOf(more, 2), "reproduced");
  }
});

Deno.test("broken by more than the noise, a claim is not reproduced, whatever the scale", () => {
  const margin = (value: number) => ({ beyond: value - 3, noise: 2, seeds: 3 });
  const found = (value: number) => {
    const { verdict, found } = judge(claim({ scale: true, margin }), value, false);
    return [verdict, found];
  };
  assertEquals(found(8), ["not reproduced", "It is 8. Beyond the mark by 5.0 ± 4.3."]);
  assertEquals(found(4), [
    "not reproduced at this scale",
    "It is 4. Beyond the mark by 1.0 ± 4.3; some 12 seeds would decide, 3 were run.",
  ]);
  assertEquals(found(2), ["reproduced", "It is 2. Within the mark by 1.0 ± 4.3: undecided."]);
  assertEquals(found(-2), ["reproduced", "It is -2."]);
});

Deno.test("what stays open has a cause: no power where more seeds would decide, else the claim's own", () => {
  const open = (more: Partial<Claim<number>>, value = 4, quick = false) => {
    const { cause, power } = judge(claim({ scale: true, ...more }), value, quick);
    return [cause, power];
  };
  const margin = (seeds: number) => () => ({ beyond: 1, noise: 2, seeds });
  assertEquals(open({ margin: margin(3), cause: "base" }), [
    "power",
    "some 12 seeds would decide, 3 were run",
  ]);
  assertEquals(open({ margin: margin(1) }), ["power", "one seed does not tell its noise"]);
  assertEquals(
    open({ margin: () => ({ beyond: -1, noise: 2, seeds: 3 }), cause: "base" })[0],
    "base",
  );
  assertEquals(open({ cause: "steps" }), ["steps", undefined]);
  assertEquals(open({}), ["unknown", undefined]);
  assertEquals(open({ holds: () => "not judged: the machine was not quiet" })[0], "time");
  assertEquals(open({}, 4, true)[0], "quick");
  assertEquals([open({}, 2), open({ scale: false }), open({ exact: true, scale: false })].flat(), [
    ...[undefined, undefined, undefined, undefined, undefined, undefined],
  ]);
});

Deno.test("a claim's topic, and its row with bars, go with it into a part of the rows, and not beyond the paper", () => {
  const bars = (value: number) => [{ label: "it", value, text: `${value} of 4` }];
  const own = claim({ topic: "rank", headline: { place: 2, row: "small", bars } });
  const headline = { place: 2, row: "small", bars: [{ label: "it", value: 2, text: "2 of 4" }] };
  assertEquals(judge(own, 2, false).headline, headline);
  const [there] = claimsIn("A", [own], 2), [beyond] = claimsIn("B", [own], 2, true);
  const found = [there, beyond].map((one) => judge(one, undefined, false));
  assertEquals(found.map(({ topic, headline }) => [topic, headline]), [
    ["rank", headline],
    ["rank", undefined],
  ]);
});

Deno.test("few seeds decide less than two standard errors say, noise that is pooled more", () => {
  const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.228, 2.086, 1.984];
  [1, 2, 3, 4, 5, 10, 20, 100].forEach((freedom, i) =>
    assertAlmostEquals(studentsT(freedom), quantiles[i], 2e-3)
  );
  const margin = { beyond: 1, noise: 1, seeds: 3 };
  assertAlmostEquals(intervalOf(margin), 2.151, 1e-3);
  assertAlmostEquals(intervalOf({ ...margin, freedom: 20 }), 1.043, 1e-3);
  assertAlmostEquals(intervalOf({ ...margin, ofTexts: 1 }), 1, 1e-12);
  assertAlmostEquals(intervalOf({ ...margin, ofTexts: 0.6 }), Math.hypot(0.6, 0.8 * 2.151), 1e-3);
});

Deno.test("more seeds lessen their own part of the noise, and none that of the texts", () => {
  const found = (ofTexts: number) => {
    const margin = () => ({ beyond: 1, noise: 2, ofTexts, seeds: 3, freedom: 1e9 });
    return judge(claim({ scale: true, margin }), 4, false).found;
  };
  const start = "It is 4. Beyond the mark by 1.0 ± 2.0; ";
  assertEquals(found(0), `${start}some 12 seeds would decide, 3 were run.`);
  assertEquals(found(0.5), `${start}some 15 seeds would decide, 3 were run.`);
  const texts = "no number of seeds would decide, 4.0 times as many texts and seeds would.";
  assertEquals([1, 1.5].map(found), [start + texts, start + texts]);
});

Deno.test("a single seed decides nothing, whatever its noise is said to be", () => {
  for (const noise of [0, NaN, Infinity]) {
    const margin = (value: number) => ({ beyond: value - 3, noise, seeds: 1 });
    const { verdict, found } = judge(claim({ scale: true, margin }), 4, false);
    assertEquals(verdict, "not reproduced at this scale");
    assertEquals(found, "It is 4. Beyond the mark by 1.0; one seed does not tell its noise.");
  }
});

Deno.test("no seeds are asked for where another part of the rule is broken", () => {
  const margin = () => ({ beyond: -1, noise: 2, seeds: 3 });
  const { verdict, found } = judge(claim({ scale: true, margin }), 4, false);
  assertEquals([verdict, found], ["not reproduced at this scale", "It is 4."]);
});

Deno.test("a claim that the paper does not make is neither reproduced nor not", () => {
  for (const more of [{}, { scale: true }, { exact: true }]) {
    assertEquals(verdictOf({ ...more, beyond: true }, 2), "holds");
    assertEquals(verdictOf({ ...more, beyond: true }, 4), "does not hold");
  }
  const { rule, beyond } = judge(claim({ beyond: true }), 2, false);
  assertEquals([rule, beyond], ["holds when it is below 3", true]);
});

Deno.test("a number that is none keeps no claim", () => {
  assertEquals(verdictOf({}, NaN), "not reproduced");
});

Deno.test("a quick run judges what does not depend on scale, and what is said to be judged", () => {
  const notJudged = "not judged (quick run)";
  for (const value of [2, 4]) {
    assertEquals(verdictOf({ scale: true }, value, true), notJudged);
    assertEquals(verdictOf({ exact: true, quick: false }, value, true), notJudged);
  }
  assertEquals(verdictOf({}, 4, true), "not reproduced");
  assertEquals(verdictOf({ exact: true }, 4, true), "differs");
  assertEquals(verdictOf({ scale: true, quick: true }, 4, true), "not reproduced at this scale");
});

Deno.test("a finding has the claim's words, which may depend on the rows", () => {
  assertEquals(judge(claim({ text: (value) => `At ${value} it is small` }), 2, false), {
    claim: "At 2 it is small",
    rule: "reproduced when it is below 3",
    found: "It is 2.",
    verdict: "reproduced",
    ours: "2",
  });
});

Deno.test("what the paper prints, its sentence and our number are the claim's own", () => {
  const words = { printed: "1", quote: "“about one” (section 1)" };
  const finding = judge(claim({ ...words, ours: (value) => `${value}` }), 2, false);
  assertEquals(finding, { ...judge(claim(), 2, false), ...words, ours: "2" });
});

Deno.test("a claim says why where it is broken, what weakens it either way, and neither where it is not judged", () => {
  const words = { why: "A guess: chance.", note: "Weak." };
  const noteOf = (more: Partial<Claim<number>>, value: number, quick = false) =>
    judge(claim({ ...words, ...more }), value, quick).note;
  assertEquals([noteOf({}, 4), noteOf({}, 2)], ["A guess: chance. Weak.", "Weak."]);
  assertEquals(noteOf({ beyond: true }, 4), "A guess: chance. Weak.");
  assertEquals(noteOf({ why: undefined, note: undefined }, 4), undefined);
  assertEquals(noteOf({ scale: true }, 4, true), undefined);
  const [outside] = claimsIn("B", [claim(words)], 4, true);
  assertEquals(judge(outside, 0, false).note, undefined); // it was written on what the paper looks at
});

Deno.test("a rule says what the paper's own numbers give by it, and what has to fail it", () => {
  const rule = "reproduced when it is below 3";
  const ruleOf = (more: Partial<Claim<number>>) => judge(claim(more), 2, false).rule;
  const at = (where: string, rows: number) => ({ where, rows });
  assertEquals(ruleOf({}), rule);
  assertEquals(ruleOf({ paper: "the paper prints none" }), `${rule}; the paper prints none`);
  assertEquals(
    ruleOf({
      paper: [at("table 1: a", 1), at("table 1: b", 1), at("table 2", 2)],
      contrary: [at("chance", 3)],
    }),
    `${rule}; the paper's own numbers pass it (table 1: a, b; table 2), what has to fail it does (chance)`,
  );
  assertEquals(
    ruleOf({ paper: [at("table 1", 1), at("table 2", 4)], contrary: [at("chance", 2)] }),
    `${rule}; the paper's own numbers pass it (table 1), the paper's own numbers fail it (table 2)`,
  );
  const tried = claim({ paper: [at("table 1", 1)] });
  assertEquals(judge(claimsIn("A", [tried], 2)[0], 0, false).rule, judge(tried, 2, false).rule);
  assertEquals(
    judge(claimsIn("A", [tried], 2, true)[0], 0, false).rule,
    "holds when it is below 3",
  );
});

Deno.test("a rule that was corrected says when", () => {
  const corrected = "2026-11-26, decision 0012";
  assertEquals(judge(claim({ corrected }), 2, false).corrected, corrected);
});

Deno.test("a claim whose number says all has nothing else that was found", () => {
  assertEquals(judge(claim({ found: undefined }), 2, false).found, "");
});

Deno.test("settings name the job's seeds where runs are made, or an experiment's own", async () => {
  const settingsOf = async (more: Partial<ExperimentDefinition<unknown, number>>) =>
    (await outcomeOf(more)).settings;
  assertEquals(await settingsOf({}), "Value 2.");
  assertEquals(await settingsOf({ runs: () => [] }), "Value 2. Seeds: 1.");
  assertEquals(await settingsOf({ seeds: "{seed}, of {seeds}" }), "Value 2. Seeds: 1, of 1.");
});

Deno.test("on a part that the paper does not look at, claims have our number and not the paper's", () => {
  const words = { printed: "1", quote: "“about one”", ours: (value: number) => `${value}` };
  const [within] = claimsIn("A", [claim(words)], 2);
  assertEquals(judge(within, 0, false), {
    ...judge(claim(words), 2, false),
    claim: "It is small (in A)",
  });
  const [outside] = claimsIn("B", [claim(words)], 2, true);
  assertEquals(judge(outside, 0, false), {
    claim: "It is small (in B)",
    rule: "holds when it is below 3",
    found: "It is 2.",
    verdict: "holds",
    beyond: true,
    ours: "2",
  });
});

Deno.test("what --full broke is said by verdict and text where it holds, and nowhere else", () => {
  const found = (value: number, quick = false) => {
    const broken = claim({ scale: true, beyond: true, brokenInFull: "φ: 0" });
    const { verdict, found } = judge(broken, value, quick);
    return [verdict, found];
  };
  const inFull = " In this run it holds; with --full it did not (quoted from decision 0013): φ: 0.";
  assertEquals(found(2), ["does not hold", `It is 2.${inFull}`]);
  assertEquals(found(4), ["does not hold", "It is 4."]);
  assertEquals(found(2, true), ["not judged (quick run)", "It is 2."]);
});

const definition: ExperimentDefinition<unknown, number> = {
  ...{ name: "small", title: "Small", question: "Is it?", source: "us" },
  settings: (value) => `Value ${value}.`,
  rows: () => 2,
  claims: [claim()],
};

/** Outcome of an experiment on a device that computes nothing, with the shares that it reports. */
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

Deno.test("rows of --full are quoted as such in the default job, and only there", async () => {
  const made: string[] = [];
  const runs = () => [], rows = () => (made.push("rows"), 4);
  const quoted = { rows: 2, seeds: [2, 1], source: "commit 1234567" };
  const claims = [claim({ note: "Small." })];
  const of = (context: Partial<ExperimentContext>) =>
    outcomeOf({ runs, rows, quoted, claims }, context);
  const whose = "Quoted, not measured in this job: --full, commit 1234567.";
  const { settings, findings: [finding] } = await of({});
  assertEquals(made, []);
  assertEquals(settings, `Value 2. Seeds: 1, 2. ${whose}`);
  assertEquals([finding.ours, finding.note], ["2 (quoted)", "Small."]);
  for (const context of [{ full: true }, { quick: true }]) {
    const { settings, findings: [finding] } = await of(context);
    assertEquals([settings, finding.ours], ["Value 4. Seeds: 1.", "4"]);
  }
  assertEquals(made, ["rows", "rows"]);
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
  assertEquals(await verdicts(false), ["not reproduced at this scale", "not reproduced"]);
  assertEquals(await verdicts(true), ["not judged (quick run)", "not reproduced"]);
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
  assertEquals([folders, settings], [["a a", "b b"], "Value 2. Seeds: 1."]);
  assertEquals(shares, shares.toSorted((a, b) => a - b));
  assertEquals(shares.at(-1), 1);
});

Deno.test("a rule that throws is an error of the experiment, and no verdict", async () => {
  const holds = () => {
    throw new TypeError("no such row");
  };
  await assertRejects(() => outcomeOf({ claims: [claim({ holds })] }), TypeError, "no such row");
});
