/** What is claimed of all methods on glosses: the rules of decision 0027. @module */

import noted from "../../notes.json" with { type: "json" };
import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { metThePaper, signed } from "../../differences.ts";
import { meanIn, type MethodsClaim, noiseNote } from "../claims.ts";
import type { MethodCell, MethodComparison } from "../comparison.ts";
import { bleu, figure2 } from "../printed.ts";

const lora = "lora-qv";

/** Table 3's baselines. */
const baselines = ["full", "top-layers", "adapter-h", "adapter-l", "prefix-layer"];

/** A baseline has comparable trained values, or more. */
const comparableShare = 0.9;

/** Those of some methods that LoRA is better than, and that train no fewer values. */
function outperformed(compared: MethodComparison, keys: readonly string[]): MethodCell[] {
  const own = compared.cell(lora), least = comparableShare * own.trained;
  return keys.map((key) => compared.cell(key)).filter((cell) =>
    cell.trained >= least && compared.isBetter(own, cell)
  );
}

/** A smaller size of a method that is better than a larger one, with that one. */
function reversal(
  compared: MethodComparison,
  key: string,
): readonly [small: MethodCell, large: MethodCell] | undefined {
  const sizes = compared.sizesOf(key);
  return sizes.flatMap((small, at) => sizes.slice(at + 1).map((large) => [small, large] as const))
    .find(([small, large]) => compared.isBetter(small, large));
}

const reversalNote = (compared: MethodComparison, key: string): string => {
  const found = reversal(compared, key), { label } = compared.cell(key);
  return found
    ? `${label}: ${found[0].size} is better than ${found[1].size}.`
    : `${label}: no smaller size is better than a larger one.`;
};

/** The methods of figure 2 besides LoRA and full fine-tuning. */
const prefixes = ["prefix-embedding", "prefix-layer"], ofFigure2 = ["adapter-h", ...prefixes];

const adapters = ["adapter-h", "adapter-l", "adapter-p"];

/** All of them. */
export const glossClaims: readonly MethodsClaim[] = [
  {
    reads: [lora, ...baselines],
    text: "Table 3: LoRA outperforms several baselines with comparable or fewer trained parameters",
    rule:
      "when LoRA on q and v at r = 4 is better, by more than the noise floor, than at least three of " +
      "full fine-tuning, the top layer, adapters H and L and prefix-layer, each with at least 0.9 times " +
      "its trained values",
    ...said.table3,
    ...noted.methodsTable3,
    paper: [bleu],
    ours: (compared) => `${outperformed(compared, baselines).length} of ${baselines.length}`,
    holds: (compared) => outperformed(compared, baselines).length >= 3,
    found: (compared) =>
      `${meanIn(compared.cell(lora))}; ${
        baselines.map((key) => meanIn(compared.cell(key))).join(", ")
      }. ${noiseNote(compared, "nats")}`,
  },
  {
    reads: ["prefix-embedding", "prefix-layer"],
    text: "Figure 2: not all methods benefit from more trained parameters",
    rule:
      "when for prefix-embedding or prefix-layer a smaller size is better than a larger one by more " +
      "than the noise floor",
    ...said.figure2Monotone,
    ...noted.methodsMonotone,
    paper: figure2,
    ours: (compared) => {
      const keys = ["prefix-embedding", "prefix-layer"];
      const held = keys.filter((key) => reversal(compared, key) !== undefined);
      return `${held.length} of ${keys.length} methods`;
    },
    holds: (compared) =>
      ["prefix-embedding", "prefix-layer"].some((key) => reversal(compared, key) !== undefined),
    found: (compared) =>
      ["prefix-embedding", "prefix-layer"].map((key) => reversalNote(compared, key)).join(" "),
  },
  {
    reads: [lora, ...ofFigure2],
    text: "Figure 2: LoRA scales better, and to a better quality",
    rule:
      "when no smaller size of LoRA on q and v is better than a larger one by more than the noise floor, and its " +
      "best size is better than the best of adapters H, and by more than that floor than those of both prefixes",
    corrected: metThePaper,
    ...said.figure2Lora,
    ...noted.methodsScalability,
    paper: figure2,
    ours: (compared) => `LoRA's best ${bestOf(compared, lora).mean.toFixed(3)} nats`,
    holds: (compared) =>
      reversal(compared, lora) === undefined &&
      compared.gain(bestOf(compared, lora), bestOf(compared, "adapter-h")) > 0 &&
      prefixes.every((key) => compared.isBetter(bestOf(compared, lora), bestOf(compared, key))),
    found: (compared) =>
      `Best sizes: ${
        [lora, ...ofFigure2].map((key) => bestOf(compared, key)).map((cell) =>
          `${meanIn(cell)} (${cell.size})`
        ).join(", ")
      }. ${reversalNote(compared, lora)}`,
  },
  {
    reads: [lora, ...adapters],
    beyond: true,
    text: "With as many trained parameters, LoRA on q and v is no worse than adapters H, L and P",
    rule:
      "when none of the three is better by more than the noise floor at the size that all are compared at",
    ours: (compared) => adapters.map((key) => difference(compared, key)).join(", "),
    holds: (compared) =>
      adapters.every((key) => !compared.isBetter(compared.cell(key), compared.cell(lora))),
    found: (compared) => `Loss less LoRA's, in nats. ${noiseNote(compared, "nats")}`,
  },
];

const bestOf = (compared: MethodComparison, key: string) => compared.best(compared.sizesOf(key));

const difference = (compared: MethodComparison, key: string) =>
  `${key.slice(-1).toUpperCase()} ${signed(compared.cell(key).mean - compared.cell(lora).mean, 3)}`;
