/** What a base in 4 bits costs in loss. @module */

import { mean } from "../../../src/core/numbers.ts";
import {
  axis,
  baseLayout,
  dots,
  type Figure,
  line,
  logAxis,
  palette,
  table,
} from "../../../src/figures/mod.ts";
import { signed } from "../../differences.ts";
import { type Claim, type Experiment, experiment, LeftOut } from "../../frame/mod.ts";
import { adaptationSteps } from "../../adaptation/methods.ts";
import {
  fp4Base,
  inF32,
  largeBlocks,
  type LossBase,
  qloraBase,
  singleBase,
  smallBlocks,
} from "./bases.ts";
import {
  isWorse,
  lossAbove,
  lossesOf,
  type LossMethod,
  lossNoise,
  type LossRow,
  lossRows,
  lossRuns,
} from "./rows.ts";

type Rows = readonly LossRow[];

const lora = (base: LossBase): LossMethod => ({ base, trained: "LoRA" });

const untrained = (base: LossBase): LossMethod => ({ base, trained: "nothing" });

const full: LossMethod = { base: inF32, trained: "everything" }, qlora = lora(qloraBase);

const shown = (rows: Rows, a: LossMethod, b: LossMethod): string =>
  `${signed(lossAbove(rows, a, b), 3)} ± ${lossNoise(rows).toFixed(3)} nats`;

/** What quantizing adds to the loss of a base that is not trained. */
const lost = (rows: Rows): number => lossAbove(rows, untrained(qloraBase), untrained(inF32));

/** The five of decision 0033. */
export const lossClaims: readonly Claim<Rows>[] = [{
  text: "QLoRA is on a par with LoRA and full fine-tuning",
  rule:
    "when QLoRA in NF4 with blocks of 64 is above neither LoRA nor full fine-tuning in F32 by more than " +
    "the noise floor",
  quote:
    "“4-bit QLoRA with NF4 data type matches 16-bit full finetuning and 16-bit LoRA finetuning " +
    "performance” (Dettmers et al. 2023, section 4)",
  ours: (rows) => `LoRA ${shown(rows, qlora, lora(inF32))}; full ${shown(rows, qlora, full)}`,
  holds: (rows) => !isWorse(rows, qlora, lora(inF32)) && !isWorse(rows, qlora, full),
  found: (rows) => `LoRA above full fine-tuning: ${shown(rows, lora(inF32), full)}.`,
}, {
  text: "What quantizing loses is recovered by training",
  rule:
    "when the base that is not trained is worse in NF4 with blocks of 64 than in F32, and after training " +
    "QLoRA is not above LoRA by more than the noise floor",
  quote:
    "“the performance lost due to the imprecise quantization can be fully recovered through adapter " +
    "finetuning after quantization” (Dettmers et al. 2023, section 4)",
  ours: (rows) => `${signed(lost(rows), 3)} before, ${shown(rows, qlora, lora(inF32))} after`,
  holds: (rows) => lost(rows) > 0 && !isWorse(rows, qlora, lora(inF32)),
}, {
  text: "NF4 is better than FP4",
  rule: "when at blocks of 64 FP4 is above NF4 by more than the noise floor",
  quote: "“NF4 is more effective than FP4” (Dettmers et al. 2023, section 4)",
  ours: (rows) => `FP4 ${shown(rows, lora(fp4Base), qlora)}`,
  holds: (rows) => isWorse(rows, lora(fp4Base), qlora),
  found: (rows) =>
    `Before training ${signed(lossAbove(rows, untrained(fp4Base), untrained(qloraBase)), 3)}.`,
}, {
  text: "Double quantization costs nothing",
  rule: "when NF4 with blocks of 64 is with it not above NF4 without by more than the noise floor",
  quote: "“double quantization does not degrade performance” (Dettmers et al. 2023, section 4)",
  ours: (rows) => shown(rows, qlora, lora(singleBase)),
  holds: (rows) => !isWorse(rows, qlora, lora(singleBase)),
}, {
  text: "Smaller blocks are better",
  rule: "when NF4 with blocks of 256 is above NF4 with blocks of 32 by more than the noise floor",
  ours: (rows) => `256 above 32: ${shown(rows, lora(largeBlocks), lora(smallBlocks))}`,
  holds: (rows) => isWorse(rows, lora(largeBlocks), lora(smallBlocks)),
}];

const [, recovered] = lossClaims;

/** With one seed there is no noise floor to judge by. */
const isOneSeed = (rows: Rows): boolean => Number.isNaN(lossNoise(rows));

/** Those that are judged: where quantizing lost nothing there is nothing to recover. */
export const judgedClaims = (rows: Rows): readonly Claim<Rows>[] =>
  isOneSeed(rows) ? [] : lossClaims.filter((claim) => claim !== recovered || lost(rows) > 0);

/** What was run, and why a claim is not judged. */
export const lossSettings = (rows: Rows): string =>
  `WordNet's definitions as in “Full fine-tuning against LoRA”: ${adaptationSteps} steps of 16 pairs, LoRA of rank 16 ` +
  "on every linear layer, at the rates that were searched for F32. In 4 bits are the linear layers." +
  (isOneSeed(rows)
    ? " One seed gives no noise floor: nothing is judged."
    : lost(rows) > 0
    ? ""
    : " The base that is not trained is not worse in NF4: that it recovers is not judged.");

/** Values per block, of a base in 4 bits with scales in 8 bits. */
const blockOf = ({ base }: LossRow): number | undefined => {
  const [, digits] = /^\w+, (\d+)$/.exec(base) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

function lossFigure(rows: Rows): Figure {
  const trained = rows.filter(({ trained }) => trained === "LoRA"), ends = [32, 256];
  const level = (method: LossMethod, name: string, color: string) => {
    const value = mean(lossesOf(rows, method));
    return line(ends, (x) => x, () => value, { color, dash: "dash" }, { name });
  };
  return {
    id: "quantized-loss",
    title: "Held-out loss of LoRA on a base in 4 bits, by block size",
    caption:
      "A mark for each seed ({seeds}); scales in 8 bits. Dashed: means in F32. Lower is better.",
    data: [
      ...["NF4", "FP4"].map((code, i) =>
        dots(
          trained.filter((row) => row.base.startsWith(code) && blockOf(row)),
          (row) => blockOf(row)! * (i === 0 ? 0.98 : 1.02), // Side by side.
          ({ loss }) => loss,
          { color: palette.series[i], size: 9 },
          { name: code },
        )
      ),
      level(lora(inF32), "LoRA, F32", palette.lora[1]),
      level(full, "full fine-tuning", palette.full),
    ],
    layout: baseLayout(
      logAxis("values per block", {
        tickvals: [32, 64, 128, 256],
        ticktext: ["32", "64", "128", "256"],
      }),
      axis("held-out loss (nats)"),
      { height: 380 },
    ),
  };
}

/** LoRA on a base in every form. */
export const quantizedLoss: Experiment = experiment<LossRow, Rows>({
  name: "quantized-loss",
  title: "What a base in 4 bits costs in loss",
  question:
    "Is LoRA on a base in 4 bits worse than on the same base in F32, and does the code, the block size or " +
    "the quantization of the scales matter?",
  source: "Dettmers et al. 2023, QLoRA: section 4, at small scale; not in the paper",
  scale: true,
  beyond: true,
  runs: (context) => context.full || context.quick ? lossRuns(context) : [],
  rows: (made, context) =>
    made.length > 0 ? lossRows(made, context) : new LeftOut("only --full trains its runs"),
  settings: lossSettings,
  claims: judgedClaims,
  tables: [(rows) =>
    table<LossRow>({
      id: "quantized-loss",
      title: "Held-out loss",
      columns: [
        ["base", "base", "text"],
        ["trained", "trained", "text"],
        ["seed", "seed", "count"],
        ["loss", "loss (nats)", "nats"],
      ],
      rows,
    })],
  figures: [lossFigure],
});
