/** Claims on few examples: the rules of decision 0057 on table 16. @module */

import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { isShareAbove, parPoints, signed } from "../../differences.ts";
import type { MethodsClaim } from "../claims.ts";
import { isAbove, isOnPar, marginTo, noiseOf, shown, undecidedIn, worstOf } from "./differences.ts";
import type { FewComparison } from "./few_comparison.ts";
import { labelOf } from "./methods.ts";
import { fewOnPaper } from "./printed.ts";

type FewClaim = MethodsClaim<FewComparison>;

const lora = "lora-qv", full = "full", prefixes = ["prefix-embedding", "prefix-layer"];

const all = [full, lora, ...prefixes];

const paper = fewOnPaper;

/** `full fine-tuning 60.2, LoRA (q, v) 63.8`, with the fewest examples. */
const atFewest = (compared: FewComparison, keys: readonly string[]) =>
  keys.map((key) => `${labelOf(key)} ${compared.meanOf(key, compared.sizes[0]).toFixed(1)}`)
    .join(", ");

const isAboveChance = ({ meanOf, sizes: [fewest], frequent, texts }: FewComparison, key: string) =>
  isShareAbove(meanOf(key, fewest), frequent, texts);

/** Full fine-tuning and LoRA, each less each prefix method, with the fewest examples. */
const abovePrefixes = ({ difference, sizes: [fewest] }: FewComparison) =>
  [full, lora].flatMap((key) => prefixes.map((prefix) => difference(key, prefix, fewest)));

/** LoRA less full fine-tuning at each number. */
const aboveFull = ({ difference, sizes }: FewComparison) =>
  sizes.map((size) => difference(lora, full, size));

const gapAt = ({ meanOf }: FewComparison, size: string) => {
  const [a, b, c, d] = all.map((key) => meanOf(key, size));
  return (a + b - c - d) / 2;
};

const chanceIn = ({ frequent }: FewComparison) =>
  `The most frequent label: ${frequent.toFixed(1)}%.`;

/** All claims on few examples. */
export const fewClaims: readonly FewClaim[] = [
  {
    reads: all,
    text:
      "Table 16: with 100 examples both prefix methods are worse than full fine-tuning and LoRA",
    rule:
      "when at 100 texts full fine-tuning and LoRA are each above both by more than the noise, and above the most " +
      "frequent label by more than two standard errors",
    ...said.table16Prefixes,
    paper,
    ours: (compared) => atFewest(compared, all),
    holds: (compared) =>
      abovePrefixes(compared).every(isAbove) &&
      [full, lora].every((key) => isAboveChance(compared, key)),
    found: (compared) => {
      const noises = abovePrefixes(compared).map(noiseOf);
      return `${chanceIn(compared)} Noise of the differences: at most ${
        Math.max(...noises).toFixed(1)
      } points.`;
    },
    margin: (compared) => worstOf(abovePrefixes(compared).map((one) => marginTo(0, one))),
  },
  {
    reads: all,
    text: "Table 16: the gap between prefixes and the others narrows with more examples",
    rule:
      "when the mean of full fine-tuning and LoRA less that of the two prefix methods is larger at 100 texts than " +
      "with all by more than the noise",
    ...said.table16Gap,
    paper,
    ours: (compared) => compared.sizes.map((size) => gapAt(compared, size).toFixed(1)).join(", "),
    holds: ({ narrowing }) => isAbove(narrowing()),
    found: ({ narrowing, sizes }) =>
      `Points at ${sizes.join(", ")}; from the first to the last it narrows by ${
        shown(narrowing())
      }.`,
    margin: ({ narrowing }) => marginTo(0, narrowing()),
  },
  {
    reads: [full, lora],
    text: "Table 16: LoRA does better than full fine-tuning on 100 examples, and as well on more",
    rule:
      "when LoRA is above full fine-tuning at 100 texts by more than the noise, and above the most frequent label by " +
      `more than two standard errors, and at 1,000 texts and with all at most ${parPoints} points below it`,
    ...said.table16Lora,
    why:
      "With 100 texts full fine-tuning is ahead in nine of ten draws. The rate of each was searched on other texts. " +
      "A guess: the paper has it on GPT-3, where every method sees the labels as words, and here a new head has to " +
      "be learned from 100 texts.",
    paper,
    ours: (compared) => aboveFull(compared).map(({ points }) => signed(points)).join(", "),
    holds: (compared) => {
      const [fewest, ...more] = aboveFull(compared);
      return isAbove(fewest) && isAboveChance(compared, lora) && more.every(isOnPar);
    },
    found: (compared) => {
      const { sizes } = compared, margins = loraMargins(compared);
      return `${sizes.map((size, i) => `${size} ${shown(aboveFull(compared)[i])}`).join(", ")}. ${
        undecidedIn(Object.fromEntries(sizes.map((size, i) => [size, margins[i]])))
      }`;
    },
    margin: (compared) => worstOf(loraMargins(compared)),
  },
  {
    reads: prefixes,
    text: "Table 16: with 100 examples prefix-layer does better than prefix-embedding",
    rule: "when prefix-layer is above prefix-embedding at 100 texts by more than the noise",
    ...said.table16Prefixes,
    paper,
    ours: (compared) => atFewest(compared, prefixes),
    holds: (compared) => isAbove(layerAbove(compared)),
    found: (compared) => `${shown(layerAbove(compared))} points. ${chanceIn(compared)}`,
    margin: (compared) => marginTo(0, layerAbove(compared)),
  },
];

const layerAbove = ({ difference, sizes: [fewest] }: FewComparison) =>
  difference(prefixes[1], prefixes[0], fewest);

const loraMargins = (compared: FewComparison) =>
  aboveFull(compared).map((one, i) => marginTo(i === 0 ? 0 : -parPoints, one));
