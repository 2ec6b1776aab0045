/**
 * The exact values of the paper's printed cells, computed table by table: trained parameters,
 * averages, latency, norms in subspaces, and claims in the text about GPT-3 175B.
 *
 * @module
 */

import { evaluateFormula, evaluateFormulaDecimal, type FormulaValues } from "../accounting/mod.ts";
import { architectureOf, catalog, countParameters, type TensorSpec } from "../architectures/mod.ts";
import { measured, printedTables } from "./printed/mod.ts";
import { mean, parseDecimal, type Rational } from "./printed_number.ts";

/** Computation of a cell's exact value. */
export interface Computation extends Remarks {
  /** Name of the formula in `@lowrank/core/accounting`, if it is one. */
  readonly formula?: string;
  /** The inputs: `L = 24, d = 1,024, r = 6`. */
  readonly settings: string;
  /** The value. */
  readonly value: () => Rational;
}

/** Remarks on a cell. */
export interface Remarks {
  /** Settings that the paper does not state, inferred from what it prints. */
  readonly inferred?: string;
  /** Reason that the printed value differs, or another reading of it. */
  readonly reason?: string;
}

/** Computations by the cell's name. */
export type Computations = Readonly<Record<string, Computation>>;

/** A cell computed by one of the formulas. */
function byFormula(
  formula: string,
  values: FormulaValues,
  remarks: Remarks = {},
): Computation {
  const settings = Object.entries(values)
    .map(([letter, value]) => `${letter} = ${value.toLocaleString("en-US")}`).join(", ");
  return {
    formula,
    settings,
    value: () => parseDecimal(evaluateFormulaDecimal(formula, values)),
    ...remarks,
  };
}

/** A cell computed by counting some tensors of a model. */
function byTensors(
  model: string,
  settings: string,
  isCounted: (tensor: TensorSpec) => boolean,
  remarks: Remarks = {},
): Computation {
  const value = () => {
    const tensors = architectureOf(catalog[model].config).tensors.filter(isCounted);
    return { numerator: BigInt(countParameters(tensors)), denominator: 1n };
  };
  return { settings, value, ...remarks };
}

/** Adds the column's name to each row's computation. */
function inColumn(column: string, rows: Computations): Computations {
  return Object.fromEntries(
    Object.entries(rows).map(([row, computation]) => [`${row}: ${column}`, computation]),
  );
}

/** The column of most parameter counts. */
const trained = "trained parameters";

/** Number of blocks and width. */
export interface BlockShape extends FormulaValues {
  /** Blocks. */
  readonly L: number;
  /** Width. */
  readonly d: number;
}

/** Blocks and width of a model of the catalog. */
function shapeOf(model: string): BlockShape {
  const { n_layer, num_hidden_layers, n_embd, hidden_size } = catalog[model].config;
  return { L: Number(n_layer ?? num_hidden_layers), d: Number(n_embd ?? hidden_size) };
}

/** Inputs of the formula for all parameters of a GPT. */
function gptShapeOf(model: string): FormulaValues {
  const { vocab_size, n_positions } = catalog[model].config;
  return { ...shapeOf(model), n_voc: Number(vocab_size), n_pos: Number(n_positions) };
}

/** GPT-3 175B, whose head is the token embedding. */
const gpt3: BlockShape = shapeOf("gpt3-175b");

/** Its parameters: 174,604,259,328. */
const P: bigint = evaluateFormula("fullParameters", gptShapeOf("gpt3-175b"));

/** Inputs of LoRA's formula for `matrices` square matrices in every block. */
function loraOn(matrices: number, r: number, { L, d }: BlockShape): FormulaValues {
  return { n_W: matrices * L, d, r };
}

/** Parameters of the paper's usual adapter of GPT-3: r = 4 on q and v. */
const P_t: bigint = evaluateFormula("loraParameters", loraOn(2, 4, gpt3));

const printed = (row: string, column: string): number => Number(measured("table7", row, column));

const random = (r: number, reason?: string): Computation =>
  byFormula("randomProjectionNorm", { r, N_W: printed(`r = ${r}`, "norm of W_q"), d: gpt3.d }, {
    reason,
  });

/** The amplification factor from the printed norms. */
function amplificationAt(r: number, reason?: string): Computation {
  const row = `r = ${r}`;
  const norms = {
    N_D: printed(row, "norm of ΔW_q"),
    N_UV: printed(row, "directions of ΔW_q"),
  };
  return byFormula("amplificationFactor", norms, { reason });
}

const factor = "amplification (section 7.3, appendix H.4)";

/** Values by chance, and the factors. */
const amplification: Computations = {
  "r = 4: random directions": random(4),
  "r = 64: random directions": random(
    64,
    "ours is the root mean square over all draws, the printed value is one draw",
  ),
  [`r = 4: ${factor}`]: amplificationAt(4, "the printed norms allow 21.25 to 21.95"),
  [`r = 64: ${factor}`]: amplificationAt(64),
};

const base = shapeOf("roberta-base"), large = shapeOf("roberta-large");
const deberta = shapeOf("deberta-v2-xxlarge");

/** Heads are trained too, but the paper leaves them out of every count. */
const encoder = (model: string, reason: string): Computation =>
  byTensors(model, "the encoder, without pooler and head", ({ name }) => isEncoder(name), {
    reason,
  });

const isEncoder = (name: string): boolean => /^(roberta\.)?(embeddings|encoder)\./.test(name);

const adapterD = (r: number, others: string, more = ""): Computation =>
  byFormula("adapterDParameters", { ...base, L_drop: 0, r }, {
    inferred: `r = ${r} in every block (${others} round to it)`,
    reason: `quoted by the paper from other work${more}`,
  });

const weightsAlone = (count: number) =>
  `the weights of the bottlenecks without their biases are ${count} · 2²⁰`;

const lora = (matrices: number, r: number, shape = large): Computation =>
  byFormula("loraParameters", loraOn(matrices, r, shape));

const counts: Computations = {
  "RoBERTa base, FT": encoder("roberta-base", "a nominal size; with its pooler it has 124.65M"),
  "RoBERTa base, BitFit": byTensors(
    "roberta-base",
    "biases of the encoder",
    ({ name }) => isEncoder(name) && name.endsWith(".bias"),
  ),
  "RoBERTa base, Adapter D (0.3M)": adapterD(
    16,
    "14 to 18",
    "; r = 48 in 4 of 12 blocks is also 0.3M",
  ),
  "RoBERTa base, Adapter D (0.9M)": adapterD(48, "46 to 51"),
  "RoBERTa base, LoRA": lora(2, 8, base),
  "RoBERTa large, FT": encoder("roberta-large", "a nominal size; with its pooler it has 355.36M"),
  "RoBERTa large, LoRA": lora(2, 8),
  "RoBERTa large †, Adapter P (3.0M)": byFormula("adapterPParameters", { ...large, r: 64 }, {
    reason: weightsAlone(3),
  }),
  "RoBERTa large †, Adapter P (0.8M)": byFormula("adapterPParameters", { ...large, r: 16 }),
  "RoBERTa large †, Adapter H (6.0M)": byFormula("adapterHParameters", { ...large, r: 64 }, {
    reason: weightsAlone(6),
  }),
  "RoBERTa large †, Adapter H (0.8M)": byFormula("adapterHParameters", { ...large, r: 8 }),
  "RoBERTa large †, LoRA": lora(2, 8),
  "DeBERTa XXL, FT": encoder("deberta-v2-xxlarge", "a nominal size, the 1.5B of its model card"),
  "DeBERTa XXL, LoRA": byFormula("loraParameters", loraOn(2, 8, deberta), {
    reason: "r = 8 is what Table 10 prints; r = 16, as in the authors' scripts, is 4,718,592",
  }),
};

const tasks = printedTables.table2.columns.slice(1, -1);

/** The mean of a row's eight scores. */
function average(row: string): Computation {
  return {
    settings: "mean of the eight printed scores",
    value: () => mean(tasks.map((task) => parseDecimal(measured("table2", row, task)))),
  };
}

const averages = Object.keys(printedTables.table2.rows).map((row) => [row, average(row)]);

/** Counts and averages. */
const glue: Computations = {
  ...inColumn(trained, counts),
  ...inColumn("average", Object.fromEntries(averages)),
};

const medium = shapeOf("gpt2-medium"), gpt2Large = shapeOf("gpt2-large");

const full = (model: string, remarks?: Remarks): Computation =>
  byFormula("fullParameters", gptShapeOf(model), remarks);

const adapter = (kind: "H" | "L", shape: typeof medium, r: number, reason?: string): Computation =>
  byFormula(`adapter${kind}Parameters`, { ...shape, r }, { inferred: `r = ${r}`, reason });

const top2 = (reason?: string): Computation =>
  byFormula("topLayersParameters", { L_top: 2, d: medium.d }, { reason });

/** Prefix layers with the number of tokens that comes closest. */
const preLayer = (shape: typeof medium, l_p: number): Computation =>
  byFormula("preLayerParameters", { ...shape, l_p, l_i: 0 }, {
    inferred: `${l_p} tokens`,
    reason: "no integer number of tokens yields the printed value, which is 0.1% of the model",
  });

const gpt2Lora = (shape: typeof medium, reason: string): Computation =>
  byFormula("loraParameters", loraOn(2, 4, shape), { reason });

/** Rows that Tables 13 and 14 share. */
const shared: Computations = {
  "GPT-2 M, FT": full("gpt2-medium"),
  "GPT-2 M, Adapter L (0.37M)": adapter("L", medium, 6),
  "GPT-2 M, Adapter L (11M)": adapter("L", medium, 224),
  "GPT-2 M, FT-Top2": top2(
    "Table 3 prints 25.19M for the same; the weights of two blocks without biases and norms are 24 · 2²⁰",
  ),
  "GPT-2 M, PreLayer": preLayer(medium, 14),
  "GPT-2 M, LoRA": gpt2Lora(
    medium,
    "the printed value is 0.1% of the model, the budget of the prefixes; the authors' checkpoint of 1.5 MB " +
      "has 393,216 values of 4 bytes",
  ),
  "GPT-2 L, FT": full("gpt2-large"),
  "GPT-2 L, Adapter L (0.88M)": adapter("L", gpt2Large, 8),
  "GPT-2 L, Adapter L (23M)": adapter("L", gpt2Large, 248),
  "GPT-2 L, PreLayer": preLayer(gpt2Large, 17),
  "GPT-2 L, LoRA": gpt2Lora(
    gpt2Large,
    "the printed value is 0.1% of the model, the budget of the prefixes",
  ),
};

/** Tables 13 and 14. */
const dartAndWebNlg: Computations = inColumn(trained, shared);

/** Table 3, which prints more digits. */
const e2e: Computations = inColumn(trained, {
  "GPT-2 M, FT": full("gpt2-medium", {
    reason: "probably a misprint of 354.82M: the same formula is exact for GPT-2 large",
  }),
  "GPT-2 M, Adapter L (0.37M)": shared["GPT-2 M, Adapter L (0.37M)"],
  "GPT-2 M, Adapter L (11.09M)": shared["GPT-2 M, Adapter L (11M)"],
  "GPT-2 M, Adapter H": adapter(
    "H",
    medium,
    112,
    "the closest: no integer r yields 11.09M, which is what Adapter L has at r = 224",
  ),
  "GPT-2 M, FT-Top2": top2(),
  "GPT-2 M, PreLayer": shared["GPT-2 M, PreLayer"],
  "GPT-2 M, LoRA": shared["GPT-2 M, LoRA"],
  "GPT-2 L, FT": full("gpt2-large"),
  "GPT-2 L, Adapter L (0.88M)": shared["GPT-2 L, Adapter L (0.88M)"],
  "GPT-2 L, Adapter L (23.00M)": shared["GPT-2 L, Adapter L (23M)"],
  "GPT-2 L, PreLayer": shared["GPT-2 L, PreLayer"],
  "GPT-2 L, LoRA": shared["GPT-2 L, LoRA"],
});

const { L, d } = gpt3;

const gpt3Full = (reason?: string): Computation =>
  byFormula("fullParameters", gptShapeOf("gpt3-175b"), { reason });

const preEmbed = (l_p: number, l_i: number): Computation =>
  byFormula("preEmbedParameters", { d, l_p, l_i });

const gpt3PreLayer = (l_p: number, l_i: number): Computation =>
  byFormula("preLayerParameters", { L, d, l_p, l_i }, {
    reason:
      "the printed values of prefix layers are 0.8 to 8.1% above section 5.1's formula; no simple term " +
      "explains all five",
  });

const adapterH = (r: number): Computation => byFormula("adapterHParameters", { L, d, r });

const gpt3Lora = (matrices: number, r: number, reason?: string): Computation =>
  byFormula("loraParameters", loraOn(matrices, r, gpt3), { reason });

const loraPreEmbed = (r: number): Computation =>
  byFormula("loraPreEmbedParameters", { ...loraOn(2, r, gpt3), l_p: 8, l_i: 4 });

/** Settings are those of appendix D.4 where Table 4 states none. */
const table4: Computations = inColumn(trained, {
  "FT": gpt3Full("175,221,817,344 with an untied head, 34M less than the printed value"),
  "BitFit": byFormula("bitFitParameters", { L, d }, {
    reason: "twelve widths per block, one more than a block has biases, are 14,155,776",
  }),
  "PreEmbed": preEmbed(256, 8),
  "PreLayer": gpt3PreLayer(8, 8),
  "Adapter H (7.1M)": adapterH(1),
  "Adapter H (40.1M)": adapterH(8),
  "LoRA (4.7M)": gpt3Lora(2, 1),
  "LoRA (37.7M)": gpt3Lora(2, 8),
});

/** The same budget, spent on different matrices. */
const table5: Computations = inColumn(trained, {
  "W_q, r = 8": gpt3Lora(1, 8),
  "W_k, r = 8": gpt3Lora(1, 8),
  "W_v, r = 8": gpt3Lora(1, 8),
  "W_o, r = 8": gpt3Lora(1, 8),
  "W_q, W_k, r = 4": gpt3Lora(2, 4),
  "W_q, W_v, r = 4": gpt3Lora(2, 4),
  "W_q, W_k, W_v, W_o, r = 2": gpt3Lora(4, 2),
});

/** All settings that were tried. */
const table15: Computations = inColumn(trained, {
  "FT": gpt3Full(),
  "PreEmbed, l_p = 32, l_i = 8": preEmbed(32, 8),
  "PreEmbed, l_p = 64, l_i = 8": preEmbed(64, 8),
  "PreEmbed, l_p = 128, l_i = 8": preEmbed(128, 8),
  "PreEmbed, l_p = 256, l_i = 8": preEmbed(256, 8),
  "PreEmbed, l_p = 512, l_i = 8": preEmbed(512, 8),
  "PreLayer, l_p = 2, l_i = 2": gpt3PreLayer(2, 2),
  "PreLayer, l_p = 8, l_i = 0": gpt3PreLayer(8, 0),
  "PreLayer, l_p = 8, l_i = 8": gpt3PreLayer(8, 8),
  "PreLayer, l_p = 32, l_i = 4": gpt3PreLayer(32, 4),
  "PreLayer, l_p = 64, l_i = 0": gpt3PreLayer(64, 0),
  "Adapter H, r = 1": adapterH(1),
  "Adapter H, r = 4": adapterH(4),
  "Adapter H, r = 8": adapterH(8),
  "Adapter H, r = 16": adapterH(16),
  "Adapter H, r = 64": adapterH(64),
  "LoRA, r_v = 2": gpt3Lora(1, 2),
  "LoRA, r_q = r_v = 1": gpt3Lora(2, 1),
  "LoRA, r_q = r_v = 2": gpt3Lora(2, 2),
  "LoRA, r_q = r_k = r_v = r_o = 1": gpt3Lora(4, 1),
  "LoRA, r_q = r_v = 4": gpt3Lora(2, 4),
  "LoRA, r_q = r_k = r_v = r_o = 2": gpt3Lora(4, 2),
  "LoRA, r_q = r_v = 8": gpt3Lora(2, 8),
  "LoRA, r_q = r_k = r_v = r_o = 4": gpt3Lora(4, 4),
  "LoRA, r_q = r_v = 64": gpt3Lora(2, 64),
  "LoRA, r_q = r_k = r_v = r_o = 64": gpt3Lora(
    4,
    64,
    "the printed value is twice 301.9M, which was truncated",
  ),
  "LoRA+PE, r_q = r_v = 8, l_p = 8, l_i = 4": loraPreEmbed(8),
  "LoRA+PE, r_q = r_v = 32, l_p = 8, l_i = 4": loraPreEmbed(32),
  "LoRA+PE, r_q = r_v = 64, l_p = 8, l_i = 4": loraPreEmbed(64),
  "LoRA+PL, r_q = r_v = 8, l_p = 8, l_i = 4": byFormula(
    "loraPreLayerParameters",
    { ...loraOn(2, 8, gpt3), L, l_p: 8, l_i: 4 },
    { reason: "as with the prefix layers alone" },
  ),
});

const shape = shapeOf("gpt2-medium");

/** Bottleneck widths of the printed sizes, which the paper does not state, and how they were inferred. */
const small = { L: [8, "(9 also rounds to it)"], H: [5, ""] } as const;
const wide = { L: [224, "as in Table 3"], H: [112, "as in Table 3"] } as const;
const grid = { "32 × 512": small, "16 × 256": wide, "1 × 128": wide } as const;

/** The slowdown by an adapter, from the printed times. */
function slowdown(size: string, adapter: string): Computations[string] {
  const ms = (row: string) => Number(measured("table1", row, `${size}, ms`));
  return byFormula("slowdownPercent", { t_0: ms("FT or LoRA"), t: ms(adapter) });
}

/** Sizes of adapters, and the time that they add. */
const latency: Computations = Object.fromEntries(
  Object.entries(grid).flatMap(([size, widths]) =>
    (["L", "H"] as const).flatMap((kind) => {
      const adapter = `Adapter ${kind}`, [r, why] = widths[kind];
      const inferred = `r = ${r} ${why}`.trimEnd();
      return [
        [
          `${adapter}: ${size}, adapter parameters`,
          byFormula(`adapter${kind}Parameters`, { ...shape, r }, { inferred }),
        ],
        [`${adapter}: ${size}, slow-down`, slowdown(size, adapter)],
      ];
    })
  ),
);

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
const text: Computations = {
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

/** The computations of every table that has any. */
export const computations: Readonly<Record<string, Computations>> = {
  table1: latency,
  table2: glue,
  table3: e2e,
  table4,
  table5,
  table7: amplification,
  table13: dartAndWebNlg,
  table14: dartAndWebNlg,
  table15,
  text,
};
