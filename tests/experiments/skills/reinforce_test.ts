/** Policy gradients: advantages by hand, the loss and its gradient, rewards of samples, and the rules on planted rows. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  curveOf,
  policyClaims,
  type PolicyRow,
  type PolicyRows,
  rise,
  samplesToHalf,
} from "../../../experiments/skills/reinforce/claims.ts";
import {
  advantagesOf,
  answersOf,
  policyLoss,
  sampleAnswers,
  type Signal,
  stepAnswers,
  type WeightedAnswer,
} from "../../../experiments/skills/reinforce/policy.ts";
import { reinforce } from "../../../experiments/skills/reinforce/reinforce.ts";
import {
  type PolicyArm,
  policyArms,
  policyName,
  policySeed,
} from "../../../experiments/skills/reinforce/runs.ts";
import { openSkillsBase, skillsTokenizer } from "../../../experiments/skills/runs.ts";
import { injectLora } from "../../../src/adapt/mod.ts";
import { Tape } from "../../../src/autograd/mod.ts";
import { Random } from "../../../src/core/random.ts";
import { encodePrompted, skills, skillTexts } from "../../../src/data/mod.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { loadModel, outputsOf, type TextModel } from "../../../src/models/mod.ts";
import { assertGradients } from "../../support/finite_differences.ts";
import { golden } from "../../support/golden.ts";

Deno.test("advantages are above the mean of the step, or of a prompt's group in its spread", () => {
  assertEquals(advantagesOf([1, 0, 0, 1], "reinforce"), [0.5, -0.5, -0.5, 0.5]);
  const rewards = [1, 1, 0, 0, 0, 0, 0, 0, ...Array(8).fill(1), ...Array(8).fill(0)];
  // Mean 1/4, variance 3/16: (3/4) / (√3/4) = √3 and (−1/4) / (√3/4) = −1/√3.
  const [right, wrong] = [Math.sqrt(3), -1 / Math.sqrt(3)];
  advantagesOf(rewards, "groups").forEach((own, at) =>
    assertAlmostEquals(own, at < 2 ? right : at < 8 ? wrong : 0, 1e-12)
  );
});

const answers: readonly WeightedAnswer[] = [
  { tokens: [5, 3, 1, 2], scoredFrom: 2, weight: 0.75 },
  { tokens: [3, 9, 2, 7, 1], scoredFrom: 4, weight: -0.25 },
  { tokens: [8, 1], scoredFrom: 1, weight: 0 },
  { tokens: [4, 4, 6], scoredFrom: 1, weight: -0.25 },
];

/** −log p of a row's answer, on the host. */
async function surprise(model: TextModel, { tokens, scoredFrom }: WeightedAnswer): Promise<number> {
  const data = Uint32Array.from(tokens);
  const outputs = await outputsOf(model, { tokens: { shape: [1, data.length], data } });
  const width = outputs.shape[1], all = Array.from(data.keys()).slice(scoredFrom);
  return all.reduce((sum, at) => {
    const row = Array.from(outputs.data.subarray((at - 1) * width, at * width));
    return sum + Math.log(row.reduce((total, value) => total + Math.exp(value), 0)) - row[data[at]];
  }, 0);
}

Deno.test("the loss is the mean of advantage times −log p, and has its gradient", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  using adapter = injectLora(model, { rank: 2, alpha: 32, sites: "all", seed: 3 });
  const random = new Random(4); // B starts at zero, where A has no gradient.
  for (const { tensor } of adapter.parameters) {
    device.write(tensor, Float64Array.from({ length: tensor.size }, () => 0.1 * random.normal()));
  }
  const each = await Promise.all(answers.map((one) => surprise(model, one)));
  const wanted = each.reduce((sum, value, at) => sum + answers[at].weight * value, 0) / 4;
  using tape = new Tape(device);
  const [{ data: [found] }] = await device.read(policyLoss(tape, model, answers, 0)!);
  assertAlmostEquals(found, wanted, 1e-9);
  await assertGradients(
    device,
    adapter.parameters,
    (tape) => policyLoss(tape, model, answers, 0)!,
  );
});

Deno.test("where all answers are alike there is nothing to learn", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  using tape = new Tape(device);
  assertEquals(policyLoss(tape, model, [answers[2]], 0), undefined);
});

/** A skill of the base. */
const reverse = skills.find(({ name }) => name === "reverse")!;

Deno.test("a known skill is rewarded, an unknown one never, and only the whole answer counts", async () => {
  using device = await openCpuDevice();
  using model = await openSkillsBase(device, "trained", 0);
  const tokenizer = await skillsTokenizer(), options = { stopToken: 256, seed: 1 };
  const texts = skillTexts(reverse, { split: "test", examples: 40, seed: 1 });
  const share = async (change: (text: (typeof texts)[number]) => (typeof texts)[number]) => {
    const rows = texts.map((text) => encodePrompted(tokenizer, change(text)));
    const { rewards } = await sampleAnswers(model, rows, options);
    return rewards.reduce((a, b) => a + b) / rewards.length;
  };
  assert(await share((text) => text) > 0.9);
  const unknown = ({ prompt, completion }: (typeof texts)[number]) => ({
    ...{ prompt: prompt.replace(/^\w+/, "flp"), completion },
  });
  assertEquals(await share(unknown), 0);
  assertEquals(
    await share(({ prompt, completion }) => ({ prompt, completion: completion + "a" })),
    0,
  );
});

Deno.test("each signal has as many answers, and a group's are of one prompt", async () => {
  using device = await openCpuDevice();
  using model = await openSkillsBase(device, "trained", 0);
  const texts = skillTexts(reverse, { split: "train", examples: 50, seed: 1 });
  const source = { tokenizer: await skillsTokenizer(), texts, seed: 5 };
  const of = async (signal: Signal, step = 0) =>
    await answersOf(model, { ...source, signal }, step);
  const prompts = (all: readonly WeightedAnswer[]) =>
    all.map(({ tokens, scoredFrom }) => Array.from(tokens).slice(0, scoredFrom).join());
  for (const signal of ["supervised", "reinforce", "groups"] as const) {
    assertEquals((await of(signal)).answers.length, stepAnswers);
  }
  const grouped = prompts((await of("groups")).answers);
  assert(grouped.every((prompt, at) => prompt === grouped[at - at % 8]));
  assert(new Set(grouped).size > 4);
  assertEquals((await of("reinforce")).answers, (await of("reinforce")).answers);
  assert(
    prompts((await of("reinforce")).answers).join() !==
      prompts((await of("reinforce", 1)).answers).join(),
  );
});

Deno.test("every arm and repeat has a seed and a name of its own", () => {
  const seeds = [0, 1, 2, 3].flatMap((repeat) => policyArms.map((arm) => policySeed(arm, repeat)));
  assertEquals(new Set(seeds).size, 4 * 15);
  assertEquals(new Set(policyArms.map(policyName)).size, 15);
});

/** Rows of three seeds with so many right answers, and the rates that an arm has. */
const planted = (
  right: (arm: PolicyArm, seed: number) => number,
  rate: (arm: PolicyArm) => number = ({ line }) => line === "full" ? 1e-4 : 1e-3,
): PolicyRows =>
  [1, 2, 3].flatMap((seed) =>
    policyArms.map((arm): PolicyRow => ({
      ...{ ...arm, name: policyName(arm), seed, learningRate: rate(arm), trained: 1, before: 20 },
      ...{ right: right(arm, seed), sampled: 0, loss: 0, texts: 600, curve: "20 40.5" },
    }))
  );

const verdicts = (rows: PolicyRows) => policyClaims.map((claim) => claim.holds(rows));

const isShown = ({ signal }: PolicyArm) => signal === "supervised";

Deno.test("the world of the post passes its rules, and that of its critics theirs", () => {
  const post = planted((arm) => isShown(arm) ? arm.line === "qv" ? 50 : 100 : 80);
  assertEquals(verdicts(post), [true, false, true, true, true]);
  const critics = planted((arm) =>
    isShown(arm) || arm.line === "full" || arm.rank === 16 ? 100 : 30
  );
  assertEquals(verdicts(critics), [false, true, false, false, true]);
});

Deno.test("nothing learned passes no rule, and scatter is no difference", () => {
  assertEquals(verdicts(planted(() => 20, () => 1e-3)), [false, false, false, false, false]);
  const noisy = planted(({ line, rank }, seed) =>
    (line === "full" ? 80 : 70) + (rank ?? 0) + 10 * seed
  );
  assertEquals(verdicts(noisy)[0], true);
  const one = planted(({ signal, line, rank }) =>
    signal === "groups" && line === "all" && rank === 1 ? 95 : 100
  );
  assertEquals(verdicts(one)[0], false);
});

Deno.test("rewards rise by more than two standard errors, or not", () => {
  const [row] = planted(() => 50);
  assertEquals(curveOf(row), [20, 40.5]);
  const { first, last, noise } = rise(row, 640);
  assertEquals([first, last], [20, 40.5]);
  assertAlmostEquals(noise, 200 * Math.sqrt((0.2 * 0.8 + 0.405 * 0.595) / 640), 1e-9);
});

Deno.test("samples are counted until half of ten steps' are right in the mean of the seeds", () => {
  const rows = planted(() => 50).map((row) => ({
    ...row,
    curve: row.seed === 1 ? "10 30 90 90" : "10 45 40 60",
  }));
  assertEquals(samplesToHalf(rows, "groups", { line: "full" }), 2 * 640);
  assertEquals(samplesToHalf(planted(() => 50), "groups", { line: "full" }), Infinity);
});

Deno.test("the rules have the sentences that they test", () => {
  assertEquals(reinforce.claims.length, 5);
  for (const { quote } of reinforce.claims) assert(quote?.startsWith("“"));
});
