/** Arms of the study of policy gradients: signals, trained values, seeds and rates. @module */

import { lazily } from "../../../src/core/numbers.ts";
import { type PromptedText, skillTexts } from "../../../src/data/mod.ts";
import type { JsonRecord, MethodSpec, RunSpec } from "../../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../../src/runs/plan.ts";
import { canonicalJson, sha256 } from "../../../src/storage/digest.ts";
import type { PlanContext } from "../../frame/mod.ts";
import type { ChosenRate } from "../../methods/rates.ts";
import type { RateGrid } from "../../rate_search.ts";
import { bestRate, searchShares, type TriedShares } from "../needed_rank/runs.ts";
import { reportedTexts, skillExamples, skillsIdentity } from "../runs.ts";
import found from "./learning_rates.json" with { type: "json" };
import { groupSize, type Signal, stepAnswers } from "./policy.ts";
import { makePolicyRun, policyTask, warmStart } from "./training.ts";

/** A way to train. */
export interface PolicyArm {
  /** Teacher of its steps. */
  readonly signal: Signal;
  /** The trained values. */
  readonly line: "all" | "qv" | "full";
  /** Rank of LoRA. */
  readonly rank?: number;
}

/** The signals, as a reader sees them. */
export const signalNames: Readonly<Record<Signal, string>> = {
  reinforce: "REINFORCE",
  groups: "groups",
  supervised: "supervised",
};

/** Both policy gradients. */
export const gradients = ["reinforce", "groups"] as const;

/** The trained values of each signal's arms. */
export const lines: readonly Omit<PolicyArm, "signal">[] = [
  ...[1, 4, 16].map((rank) => ({ line: "all", rank } as const)),
  { line: "qv", rank: 1 },
  { line: "full" },
];

/** All arms. */
export const policyArms: readonly PolicyArm[] = [...gradients, "supervised" as const]
  .flatMap((signal) => lines.map((line) => ({ signal, ...line })));

/** `r = 1`, `q and v, r = 1`, `full fine-tuning`. */
export const lineName = ({ line, rank }: Omit<PolicyArm, "signal">): string =>
  line === "full" ? "full fine-tuning" : `${line === "qv" ? "q and v, " : ""}r = ${rank}`;

/** `REINFORCE, r = 1`; the key of a rate. */
export const policyName = (arm: PolicyArm): string =>
  `${signalNames[arm.signal]}, ${lineName(arm)}`;

/** α = 32 at every rank, as Schulman et al. have it. */
const methodOf = ({ line, rank = 0 }: PolicyArm): MethodSpec =>
  line === "full"
    ? { kind: "full" }
    : { kind: "lora", rank, alpha: 32, sites: line === "all" ? "all" : ["q", "v"] };

/** Steps of a training. */
export const policySteps = 150;

/** A seed that no other arm or study has: of a repeat, from 1, or of the search, 0. */
export const policySeed = (arm: PolicyArm, repeat: number): number =>
  4_000_100 + 10_000 * repeat + policyArms.findIndex((one) => policyName(one) === policyName(arm));

/** A training. */
export interface PolicyRun {
  /** The arm. */
  readonly arm: PolicyArm;
  /** The repeat, from 1: a reader knows it as the seed. */
  readonly repeat: number;
  /** Its rate, with the end of the grid that it is, if it is one. */
  readonly rate: ChosenRate;
}

const rates = found.tried as Readonly<Record<string, TriedShares>>;

/** The rate that the search chose for an arm. */
export const policyRate = (arm: PolicyArm): ChosenRate => bestRate(rates[policyName(arm)]);

/** Sizes of a run. */
interface Sizes {
  readonly steps: number;
  readonly measured: number;
}

/** Answers that are reported of a run. */
const usual: Sizes = { steps: policySteps, measured: 600 }, quickSizes = { steps: 2, measured: 20 };

/** The runs of some arms: all of a repeat before the next. */
export const planPolicies = (
  arms: readonly PolicyArm[],
  { seeds, quick }: Pick<PlanContext, "seeds" | "quick">,
  sizes: Sizes = quick ? quickSizes : usual,
): PlannedRun<PolicyRun>[] =>
  seeds.flatMap((repeat) =>
    arms.map((arm) => {
      const measured = lazily(() => reportedTexts(policyTask, sizes.measured));
      return planPolicy({ arm, repeat, rate: policyRate(arm) }, sizes.steps, measured);
    })
  );

function planPolicy(
  chosen: PolicyRun,
  steps: number,
  measured: () => readonly PromptedText[],
): PlannedRun<PolicyRun> {
  const { arm, repeat, rate: { learningRate } } = chosen, seed = policySeed(arm, repeat);
  const texts = lazily(() =>
    skillTexts(policyTask, { split: "train", examples: skillExamples, seed })
  );
  const spec = async ({ kind: device }: { kind: RunSpec["device"] }): Promise<RunSpec> => {
    const sha = await digestOf([texts(), measured()]);
    const data = { task: policyTask.name, signal: arm.signal, stepAnswers, groupSize, sha256: sha };
    const training = { learningRate, steps, schedule: "linear" } as const;
    const model = { ...await skillsIdentity("trained"), warmStart };
    return { model, method: methodOf(arm), data, training, seed, device };
  };
  return {
    ...{ label: `${policyName(arm)}, seed ${repeat}`, steps, chosen, spec },
    make: async (context) => {
      const source = { texts: texts(), seed, signal: arm.signal };
      return await makePolicyRun(await spec(context.device), source, measured(), context);
    },
  };
}

const digestOf = (texts: readonly (readonly PromptedText[])[]): Promise<string> =>
  sha256(new TextEncoder().encode(canonicalJson(texts)));

/** Rates that are tried first. */
const gridOf = ({ line }: PolicyArm): RateGrid => ({
  first: line === "full" ? [1e-4, 3e-4, 1e-3] : [3e-4, 1e-3, 3e-3, 1e-2],
  ...{ factor: 10 / 3, most: 5, digits: 1 },
});

/** Tries the rates of every arm on inputs for validation; the results are by arm. */
export async function searchPolicies(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, JsonRecord> = {};
  const measured = lazily(() =>
    skillTexts(policyTask, { split: "validation", examples: 200, seed: 2021 })
  );
  for (const arm of policyArms) {
    const planned = (learningRate: number) =>
      planPolicy({ arm, repeat: 0, rate: { learningRate } }, policySteps, measured);
    tried[policyName(arm)] = await searchShares(gridOf(arm), planned, context);
  }
  return { split: "validation", steps: policySteps, tried };
}
