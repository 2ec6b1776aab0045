/** Claims of `quantized-loss` on its rows; decision 0033 has the rules. @module */

import { type Claim, claimOn, type NotedClaim } from "../../frame/mod.ts";
import { fp4Base, inF32, largeBlocks, qloraBase, singleBase, smallBlocks } from "./bases.ts";
import {
  below,
  type ComparedTask,
  comparedTasks,
  differences,
  worse,
  worseInFloors,
} from "./comparison.ts";
import type { LossRow } from "./rows.ts";
import { full, lora, type LossMethod, untrained } from "./tasks.ts";

type Rows = readonly LossRow[];

/** A claim that reads every task. */
type LossClaim = Claim<readonly ComparedTask[]>;

const plain = lora(inF32), qlora = lora(qloraBase), fp4 = lora(fp4Base);

/** `worse on 1 of 5 tasks`. */
const worseOn = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod): string =>
  `worse on ${worse(tasks, a, b).length} of ${tasks.length} tasks`;

/** The tasks whose base loses by being quantized. */
const lossy = (tasks: readonly ComparedTask[]): ComparedTask[] =>
  below(tasks, untrained(qloraBase), untrained(inF32));

const onPar: LossClaim = {
  text: "QLoRA is on a par with LoRA and full fine-tuning",
  rule:
    "when on every task QLoRA in NF4 with blocks of 64 is worse than neither LoRA nor full fine-tuning in " +
    "F32 by more than the noise floor",
  quote:
    "“4-bit QLoRA with NF4 data type matches 16-bit full finetuning and 16-bit LoRA finetuning " +
    "performance” (Dettmers et al. 2023, section 4)",
  ours: (tasks) =>
    `than LoRA ${worseOn(tasks, qlora, plain)}, than full ${worseOn(tasks, qlora, full)}`,
  holds: (tasks) => worse(tasks, qlora, plain).length + worse(tasks, qlora, full).length === 0,
  found: (tasks) =>
    `QLoRA minus LoRA: ${differences(tasks, qlora, plain)}. QLoRA minus full fine-tuning: ${
      differences(tasks, qlora, full)
    }. LoRA minus full fine-tuning, another question: ${differences(tasks, plain, full)}.`,
};

const recovered: LossClaim = {
  text: "What quantizing loses is recovered by training",
  rule:
    "when the base that is not trained is worse in NF4 with blocks of 64 than in F32 on at least one task, " +
    "and after training QLoRA is on no task worse than LoRA by more than the noise floor",
  quote:
    "“the performance lost due to the imprecise quantization can be fully recovered through adapter " +
    "finetuning after quantization” (Dettmers et al. 2023, section 4)",
  ours: (tasks) =>
    `${differences(tasks, untrained(qloraBase), untrained(inF32))} before; ${
      worseOn(tasks, qlora, plain)
    } after`,
  holds: (tasks) => lossy(tasks).length > 0 && worse(tasks, qlora, plain).length === 0,
  found: (tasks) =>
    `After training: ${
      differences(tasks, qlora, plain)
    }. A new head has nothing to lose before it is trained.`,
};

const codes: LossClaim = {
  text: "NF4 is better than FP4",
  rule:
    "when at blocks of 64 FP4 is worse than NF4 on average over the tasks, each in units of its noise floor, " +
    "by more than 1",
  quote: "“NF4 is more effective than FP4” (Dettmers et al. 2023, section 4)",
  ours: (tasks) => `FP4 worse by ${worseInFloors(tasks, fp4, qlora).toFixed(1)} noise floors`,
  holds: (tasks) => worseInFloors(tasks, fp4, qlora) > 1,
  found: (tasks) =>
    `FP4 minus NF4: ${differences(tasks, fp4, qlora)}; before training: ${
      differences(tasks, untrained(fp4Base), untrained(qloraBase))
    }.`,
};

const scales: LossClaim = {
  text: "Double quantization costs nothing",
  rule:
    "when NF4 with blocks of 64 is with it on no task worse than without by more than the noise floor",
  quote: "“double quantization does not degrade performance” (Dettmers et al. 2023, section 4)",
  ours: (tasks) => worseOn(tasks, qlora, lora(singleBase)),
  holds: (tasks) => worse(tasks, qlora, lora(singleBase)).length === 0,
  found: (tasks) => `With it minus without: ${differences(tasks, qlora, lora(singleBase))}.`,
};

const blocks: LossClaim = {
  text: "Smaller blocks are better",
  rule:
    "when NF4 with blocks of 256 is worse than with 32 by more than the noise floor on at least one task, " +
    "and better by more than it on none",
  ours: (tasks) =>
    `256 ${worseOn(tasks, lora(largeBlocks), lora(smallBlocks))}, better on ${
      worse(tasks, lora(smallBlocks), lora(largeBlocks)).length
    }`,
  holds: (tasks) =>
    worse(tasks, lora(largeBlocks), lora(smallBlocks)).length > 0 &&
    worse(tasks, lora(smallBlocks), lora(largeBlocks)).length === 0,
  found: (tasks) => `256 minus 32: ${differences(tasks, lora(largeBlocks), lora(smallBlocks))}.`,
};

/** The five of decision 0033. */
export const lossClaims: readonly NotedClaim<Rows>[] = [onPar, recovered, codes, scales, blocks]
  .map((claim) => claimOn(claim, comparedTasks));

const [, recoveredClaim] = lossClaims;

/** True if there is one seed alone, and so no noise floor to judge by. */
export const isOneSeed = (rows: Rows): boolean =>
  comparedTasks(rows).some(({ compared: { noise } }) => Number.isNaN(noise));

/** True if there is something to recover. */
export const hasLost = (rows: Rows): boolean => lossy(comparedTasks(rows)).length > 0;

/** Claims that are judged: where quantizing lost nothing there is nothing to recover. */
export const judgedClaims = (rows: Rows): readonly Claim<Rows>[] =>
  isOneSeed(rows) ? [] : lossClaims.filter((claim) => claim !== recoveredClaim || hasLost(rows));
