/** The methods and families of `method_checks.ts`, and what its checks do with them. @module */

import type { Adapter } from "../../src/adapt/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { allocateMethod, type MethodSpec } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { valuesOf } from "./fixtures.ts";

/** A method, what it trains beside the model, and the families where it has nothing to train. */
export interface Method {
  readonly spec: MethodSpec;
  /** Default: all. */
  readonly families?: readonly string[];
  /** False for virtual tokens, which begin as words. Default true. */
  readonly startsAsBase?: boolean;
  /** Whether merging can put it into weights. */
  readonly merges: boolean;
  /** The sentence by which it refuses a family, if it does. */
  readonly refuses?: Readonly<Record<string, string>>;
}

const vera = { kind: "vera", rank: 5 } as const;

export const methods: readonly Method[] = [
  {
    spec: { kind: "bitfit" },
    merges: true,
    refuses: { llama: "BitFit needs a model with biases, found none" },
  },
  { spec: { kind: "top-layers", layers: 1 }, merges: true },
  {
    spec: { ...vera, dInitial: 0.7, targetModules: "all-linear" },
    families: ["gpt2", "bert"],
    merges: true,
  },
  { spec: vera, merges: true },
  ...(["lora+prefix-embedding", "lora+prefix-layer"] as const).map((kind): Method => ({
    spec: { kind, rank: 2, length: 3 },
    startsAsBase: false,
    merges: false,
  })),
];

/** Where the golden models of the families are. */
export const families: Readonly<Record<string, string>> = {
  gpt2: "gpt2_tiny",
  bert: "families/bert_classifier",
  roberta: "families/roberta_classifier",
  deberta: "families/deberta_classifier",
  deberta_v2: "families/deberta_v2_classifier",
  llama: "families/llama",
};

/** Two rows of six tokens. */
export const inputs = {
  tokens: { shape: [2, 6], data: Uint32Array.of(1, 4, 9, 10, 0, 3, 3, 7, 2, 6, 5, 2) },
};

/** A class for each row, or the token after each. */
export function targetsOf({ architecture: { head } }: TextModel) {
  return head === "classes"
    ? { shape: [2], data: Int32Array.of(2, 0) }
    : { shape: [2, 6], data: Int32Array.of(4, 9, 10, 0, 3, -100, 7, 2, 6, 5, 2, -100) };
}

/** On classifiers the head is trained too, as it is where a base has none. */
export function inject(model: TextModel, { spec }: Method): Adapter {
  const { head, layers } = model.architecture;
  const heads = layers.filter(({ kind }) => kind === "head").map(({ name }) => name);
  const modulesToSave = head === "classes" ? heads : [];
  return allocateMethod(model, { ...spec, modulesToSave } as MethodSpec, 3)!;
}

/** Gives everything that an adapter trains other values, as training would. */
export async function disturb({ parameters }: Adapter): Promise<void> {
  const random = new Random(4);
  for (const { tensor } of parameters) {
    const values = await valuesOf(tensor);
    tensor.device.write(tensor, Float32Array.from(values, (x) => x + 0.1 * random.normal()));
  }
}

/** Steps that train what is trainable. */
export function train(model: TextModel, steps = 2): void {
  using trainer = new Trainer(model, { learningRate: 1e-2, steps });
  for (let step = 0; step < steps; step++) trainer.step([{ inputs, targets: targetsOf(model) }]);
}

/** Own values of a model, whatever stands in for them. */
export async function ownBits(model: TextModel): Promise<unknown> {
  const own = [...model.parameters.values()].map(({ own }) => own);
  return (await model.device.read(...own)).map(({ data }) => data);
}
