/** Edits of the package's source that the checks of a notebook must notice. @module */

import { type Fault, fault as planted } from "./fault.ts";

/** A fault that checks of notebooks must notice. */
export interface NotebookFault extends Fault {
  /** Beginnings of the notebooks' names. */
  readonly notebooks: readonly string[];
}

const fault = (notebooks: string, ...edit: Parameters<typeof planted>): NotebookFault => ({
  notebooks: notebooks.split(" "),
  ...planted(...edit),
});

const lora = "src/adapt/lora", accounting = "src/accounting", analysis = "src/analysis";

/** Faults in the order of the code that they break. */
export const notebookFaults: readonly NotebookFault[] = [
  fault(
    "00 04",
    "B does not start at zero",
    `${lora}/site.ts`,
    "if (plan.B) device.write(B.tensor, plan.B);",
    "device.write(B.tensor, plan.B ?? new Float32Array(B.size).fill(0.01));",
  ),
  fault(
    "04",
    "an adapter has eight times the rank that was asked for",
    `${lora}/inject.ts`,
    "?? options.rank;\n  const alpha",
    "?? 8 * options.rank;\n  const alpha",
  ),
  fault(
    "05",
    "an update of weight 0 is put on at weight 1",
    `${lora}/inject.ts`,
    "alpha, scaling, dropout, A: A.data",
    "alpha, scaling: scaling || 1, dropout, A: A.data",
  ),
  fault(
    "06",
    "parameters of an adapter are counted as the square of its rank",
    `${lora}/adapter.ts`,
    "reduce((sum, { size }) => sum + size, 0)",
    "reduce((sum, { size, shape: [rows] }) => sum + size * rows, 0)",
  ),
  fault(
    "04",
    "training with an adapter changes the base",
    "src/adapt/adapter.ts",
    "parameter.hold(trained.has(parameter))",
    "parameter.hold(true)",
  ),
  fault(
    "00 05",
    "merging subtracts",
    `${lora}/site.ts`,
    "alpha: sign * scaling",
    "alpha: -sign * scaling",
  ),
  fault(
    "01 05",
    "merging writes into the base",
    "src/adapt/merge/merge.ts",
    "changes) mergeInto(copies.get(name)!);",
    "changes) mergeInto(ownTensor(model, name)!);",
  ),
  fault(
    "05",
    "switching leaves the first task in",
    "src/adapt/merge/merge.ts",
    "const exchanges = [[from, -1], [to, 1]] as const;",
    "const exchanges = [[to, 1]] as [LoraAdapter, 1 | -1][];",
  ),
  fault(
    "06",
    "the relative norm of an update is its inverse",
    "src/adapt/merge/report.ts",
    "relativeNorm: deltaNorm / weightNorm",
    "relativeNorm: weightNorm / deltaNorm",
  ),
  fault(
    "01 07",
    "B has no gradient",
    "src/autograd/ops/low_rank.ts",
    "accumulate: intoB.accumulate,",
    "accumulate: intoB.accumulate,\n      alpha: 0,",
  ),
  fault(
    "01",
    "AdamW steps twice as far",
    "src/train/adamw.ts",
    "learningRate: rate,",
    "learningRate: 2 * rate,",
  ),
  fault(
    "03 04",
    "AdamW keeps a third moment",
    "src/train/optimizer_layout.ts",
    'second = arena("optimizer", "second moments");',
    'second = arena("optimizer", "second moments");\n  arena("optimizer", "third moments");',
  ),
  fault(
    "02 04",
    "one trained value too many is counted",
    "src/models/model.ts",
    "model.trainable().reduce((sum, { size }) => sum + size, 0)",
    "model.trainable().reduce((sum, { size }) => sum + size, 1)",
  ),
  fault(
    "03",
    "the dry device books four bytes too many a tensor",
    "src/device/base.ts",
    "this.ledger.add(storage);\n    return",
    'this.ledger.add({ ...storage, bytes: bytes + (this.kind === "dry" ? 4 : 0) });\n    return',
  ),
  fault(
    "00 02",
    "an update has three factors",
    `${accounting}/formulas.ts`,
    '"2 * n_W * d * r"',
    '"3 * n_W * d * r"',
  ),
  fault(
    "01",
    "the break-even rank is twice as high",
    `${accounting}/formulas.ts`,
    '"d_in * d_out / (d_in + d_out)"',
    '"2 * d_in * d_out / (d_in + d_out)"',
  ),
  fault(
    "02",
    "the tensors of a model count 1% too much",
    "src/architectures/architecture.ts",
    "return total;",
    "return Math.round(1.01 * total);",
  ),
  fault(
    "02",
    "an update counts as a quarter of it",
    "src/methods/lora.ts",
    'return value("lowRankParameters", { r: rank, d_in: layer.inputs, d_out: countRows(rows) });',
    'return value("lowRankParameters", { r: rank, d_in: layer.inputs, d_out: countRows(rows) }) / 4;',
  ),
  fault(
    "03",
    "a trained value takes six bytes",
    `${accounting}/formulas.ts`,
    '"trained weights in F32", "4 * P_t"',
    '"trained weights in F32", "6 * P_t"',
  ),
  fault(
    "03",
    "the formula of activations is four bytes off",
    `${accounting}/gpt2_step.ts`,
    "activation: keptBytes(step, blocks, isFull) + peak.activation",
    "activation: keptBytes(step, blocks, isFull) + 4 + peak.activation",
  ),
  fault(
    "03",
    "plain SGD keeps a velocity",
    `${accounting}/training_bytes.ts`,
    '"sgdStateBytes"',
    '"momentumStateBytes"',
  ),
  fault(
    "02",
    "every print agrees",
    "src/paper/printed_number.ts",
    "rounded: 2n * distance <= denominator",
    "rounded: true",
  ),
  fault(
    "02",
    "reasons are lost",
    "src/paper/rows.ts",
    'return parts.filter(Boolean).join("; ") || null;',
    "return null;",
  ),
  fault(
    "01",
    "the numerical rank is one too low",
    `${analysis}/measures.ts`,
    "return shares(values).filter((share) => Math.sqrt(share) > edge).length;",
    "return shares(values).filter((share) => Math.sqrt(share) > edge).length - 1;",
  ),
  fault(
    "01",
    "all singular values are the first",
    `${analysis}/spectrum.ts`,
    "singularValues: values,",
    "singularValues: values.map(() => values[0]),",
  ),
  fault(
    "07 08",
    "singular values are those of A",
    `${analysis}/spectrum.ts`,
    "core(upperTriangle(B), lowerTriangle(A), scaling, nameOf(factors))",
    "core(transposed(lowerTriangle(A)), lowerTriangle(A), scaling, nameOf(factors))",
  ),
  fault(
    "01 06 08",
    "a cut keeps one direction less",
    `${analysis}/spectrum.ts`,
    "const size = Math.min(rank, values.length),",
    "const size = Math.max(1, Math.min(rank, values.length) - 1),",
  ),
  fault(
    "07 08",
    "φ is divided by the larger number of directions",
    `${analysis}/subspaces.ts`,
    "above[j] / (Math.min(i, j) + 1)",
    "above[j] / (Math.max(i, j) + 1)",
  ),
  fault(
    "07",
    "random directions see twice as much of W",
    `${analysis}/amplification.ts`,
    "return rank * weightNorm /",
    "return 2 * rank * weightNorm /",
  ),
  fault(
    "07",
    "the norm of an update is an eighth",
    `${analysis}/amplification.ts`,
    "deltaNorm = frobeniusOf(values);",
    "deltaNorm = frobeniusOf(values) / 8;",
  ),
  fault(
    "08",
    "what is left out of an adapter is not said",
    "src/formats/peft/folder.ts",
    "leftOut: this.#withSaved ? [] : others.beside,",
    "leftOut: [],",
  ),
];
