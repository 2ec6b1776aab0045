/** Claims in the text about GPT-3 175B. @module */

import { byFormula, type Computation, type Computations } from "../computation.ts";
import { gpt3, gpt3Lora as P_t, gpt3Parameters as P, loraOn } from "../models.ts";
import { measured } from "../printed/mod.ts";
import { amplificationAt } from "./amplification.ts";
import { latency } from "./latency.ts";

const bytesStated = "weights and two moments at two bytes each; gradients and activations left out";

const reduction = byFormula("parameterReduction", { P, P_t }, {
  reason: "r = 4 on q and v, as in section 4.2; 37,003 times at r = 1",
});

const memoryReduction = byFormula("paperMemoryReduction", { P, P_t }, { reason: bytesStated });

/** 1 − 1/x of the reduction x. */
const memorySaved: Computation = {
  ...memoryReduction,
  value: () => {
    const { numerator, denominator } = memoryReduction.value();
    return { numerator: numerator - denominator, denominator: numerator };
  },
};

/** Two bytes per value. */
const checkpoint = (P: bigint, reason?: string): Computation =>
  byFormula("checkpointBytes", { beta: 2, P }, { reason });

const adapterFile = checkpoint(
  P_t,
  "36.0 MiB; the printed 350 GB over the printed 10,000 times are 35 MB",
);

/** Milliseconds per token. */
const time = (method: string): number =>
  1000 / Number(measured("text", `section 4.2: tokens per second and card, ${method}`));

const speedUp = byFormula("timeSavedPercent", { t_0: time("all weights"), t: time("LoRA") }, {
  reason: "time saved for the same tokens; tokens gained in the same time are 32.6%",
});

/** Sizes as rounded in the footnote. */
const stated = { W: 350e9, n_task: 100 };

/** Claims by their place in the text. */
export const text: Computations = {
  "abstract: fewer trained parameters": reduction,
  "abstract: less GPU memory": memoryReduction,
  "section 2: trained parameters, in percent of the model": byFormula("trainedPercent", { P_t, P }),
  "section 4.2: memory of training, all weights": byFormula(
    "paperTrainingBytes",
    { P_f: 0, P_t: P },
    {
      reason: `${bytesStated}; with gradients 1.40 TB; no breakdown of the printed value is known`,
    },
  ),
  "section 4.2: memory of training, LoRA": byFormula("paperTrainingBytes", { P_f: P, P_t }, {
    reason: bytesStated,
  }),
  "section 4.2: memory saved, at most": memorySaved,
  "section 4.2: checkpoint of the model": checkpoint(P),
  "section 4.2: checkpoint of an adapter, r = 4 on q and v": adapterFile,
  "section 4.2: smaller checkpoint": reduction,
  "section 4.2: one model and adapters for 100 tasks": byFormula(
    "loraTasksBytes",
    { ...stated, C: 35e6 },
    {
      reason: "from the printed 350 GB and 35 MB; 352.98 GB from exact checkpoints",
    },
  ),
  "section 4.2: 100 models": byFormula("fullTasksBytes", stated, {
    reason: "from the printed 350 GB; 34.92 TB from exact checkpoints",
  }),
  "section 4.2: speed-up of training": speedUp,
  "section 7.1: budget of Table 5": byFormula("loraParameters", loraOn(2, 4, gpt3)),
  "section 7.1: checkpoint of that budget": adapterFile,
  "appendix D.4: LoRA, r = 2 on q, k, v and o": byFormula("loraParameters", loraOn(4, 2, gpt3), {
    reason: "r = 4 yields it, as in Table 15",
  }),
  "appendix H.4: amplification at r = 4, as large as": amplificationAt(4),
  "figure 5: slow-down of an adapter, over": latency["Adapter H: 1 × 128, slow-down"],
};
