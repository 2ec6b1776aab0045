/** The methods and families of the tests of every method, and what their checks do with them. @module */

import type { Adapter, BottleneckOptions } from "../../src/adapt/mod.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { allocateMethod, applyMethod, type MethodSpec } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import type { Check } from "../support/devices.ts";
import "../support/open_lapack.ts";
import { disturb as disturbBy, golden } from "./fixtures.ts";

/** A method, what it trains beside the model, and the families where it has nothing to train. */
export interface Method {
  readonly spec: MethodSpec;
  /** Default: all. */
  readonly families?: readonly string[];
  /** Those of which gradients are compared. Default: GPT-2 and BERT. */
  readonly differentiated?: readonly string[];
  /** False for virtual tokens, which begin as words. Default true. */
  readonly startsAsBase?: boolean;
  /** True if it can be merged into weights. */
  readonly merges: boolean;
  /** The sentence by which it refuses a family, if it does. */
  readonly refuses?: Readonly<Record<string, string>>;
}

/** The folder of the families' golden models. */
export const families: Readonly<Record<string, string>> = {
  gpt2: "gpt2_tiny",
  bert: "families/bert_classifier",
  roberta: "families/roberta_classifier",
  deberta: "families/deberta_classifier",
  deberta_v2: "families/deberta_v2_classifier",
  llama: "families/llama",
  gpt_neox: "families/gpt_neox",
};

/** The same and more, for methods that act in every block. */
export const allFamilies: Readonly<Record<string, string>> = {
  ...families,
  bert_masked: "families/bert_masked",
  roberta_masked: "families/roberta_masked",
  deberta_masked: "families/deberta_masked",
  deberta_v2_masked: "families/deberta_v2_masked",
  "deberta_v2 with a convolution": "families/deberta_v2_convolution_masked",
  mistral: "families/mistral",
  qwen2: "families/qwen2",
  qwen3: "families/qwen3",
  mpnet_masked: "families/mpnet_masked",
  "gpt_neox with an MLP after attention": "families/gpt_neox_serial",
};

/** Variants of the paper, each on a model of two blocks. ReLU has no derivative at 0, which differences may step over. */
export const bottlenecks: readonly BottleneckOptions[] = [
  ...(["houlsby", "lin", "pfeiffer"] as const).map((variant) => ({ variant, size: 3 })),
  { variant: "drop", size: 3, leaveOut: [0] },
];

/** Families with one model of each kind of block. */
const everyBlock = Object.keys(allFamilies).filter((family) =>
  !/^(bert|roberta|deberta|deberta_v2)$/.test(family)
);

const vera = { kind: "vera", rank: 5 } as const;

/** Every method but virtual tokens alone. */
export const methods: readonly Method[] = [
  { spec: { kind: "lora", rank: 2, targetModules: "all-linear" }, merges: true },
  {
    spec: {
      kind: "lora",
      rank: 2,
      targetModules: "all-linear",
      freezeA: true,
      init: "orthonormal",
    },
    families: ["gpt2", "bert", "llama"],
    merges: true,
  },
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
  { spec: { kind: "ia3" }, merges: true },
  {
    spec: { kind: "ia3", targetModules: "all-linear", feedforwardModules: ["c_proj", "dense"] },
    families: ["gpt2", "bert"],
    merges: true,
  },
  { spec: { kind: "tinylora", vectorSize: 3, weightTying: 0.5 }, merges: true },
  {
    spec: { kind: "tinylora", core: "entries", rank: 3, targetModules: "all-linear" },
    families: ["gpt2", "bert"],
    merges: true,
  },
  { spec: { kind: "subspace", dimension: 11 }, merges: true },
  {
    spec: { kind: "subspace", dimension: 40, targetModules: ["c_proj"] },
    ...{ families: ["gpt2"], differentiated: ["gpt2"] },
    merges: true,
  },
  ...bottlenecks.map((options): Method => ({
    spec: { kind: "bottleneck", nonLinearity: "swish", ...options },
    families: everyBlock,
    differentiated: everyBlock,
    merges: false,
  })),
  ...(["lora+prefix-embedding", "lora+prefix-layer"] as const).map((kind): Method => ({
    spec: { kind, rank: 2, length: 3 },
    startsAsBase: false,
    merges: false,
  })),
];

/** Virtual tokens, for what they do beside LoRA; `prefix/` says the rest. */
export const prefixes: readonly Method[] = (
  ["prefix-embedding", "prefix-layer", "prefix-tuning"] as const
).map((kind) => ({ spec: { kind, length: 3 }, startsAsBase: false, merges: false }));

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
function specOn(model: TextModel, { spec }: Method, onTop = false): MethodSpec {
  const { head, layers } = model.architecture;
  const heads = layers.filter(({ kind }) => kind === "head").map(({ name }) => name);
  const modulesToSave = head === "classes" ? heads : [];
  return { ...spec, modulesToSave, onTop } as MethodSpec;
}

/** Puts a new adapter on a model. */
export const inject = async (model: TextModel, method: Method, onTop = false): Promise<Adapter> =>
  (await applyMethod(model, specOn(model, method, onTop), 3))!;

/** The same without values that are computed from weights. */
export const allocate = (model: TextModel, method: Method): Adapter =>
  allocateMethod(model, specOn(model, method), 3)!;

/** Gives everything that an adapter trains other values, near enough that sums in another order agree. */
export const disturb = (adapter: Adapter): Promise<void> => disturbBy(adapter, 0.1);

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

/** Sums in another order. */
export const close = (epsilon: number) => ({ relative: 0, absolute: 3e3 * epsilon });

/** A method's name in a test. */
export const nameOf = ({ spec }: Method): string => {
  const { kind, ...options } = spec;
  return `${kind} ${JSON.stringify(options)}`;
};

/** A check of a method on a model of a family. */
export const onFamily = (
  method: Method,
  family: string,
  name: string,
  check: (model: TextModel, epsilon: number) => unknown,
): Check => ({
  name: `${nameOf(method)} on ${family} ${name}`,
  run: async (device, epsilon) => {
    using model = await loadModel(device, golden(allFamilies[family]));
    await check(model, epsilon);
  },
});

/** Checks of each method on each family that it fits; of a sample, on one of them, and of all with the first method. */
export const onFamilies = (
  checksOf: (method: Method, family: string) => Check[],
  isSample = false,
): Check[] =>
  methods.flatMap((method, i) => {
    const all = method.families ?? Object.keys(families);
    return (isSample && i > 0 ? all.slice(0, 1) : all).flatMap((one) => checksOf(method, one));
  });
