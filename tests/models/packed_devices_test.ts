/** Sequences of several lengths: packed, and padded where a step packs them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { AdapterSet, injectLora, type LoraOptions, type PrefixKind } from "../../src/adapt/mod.ts";
import { lossOfBatch } from "../../src/autograd/loss.ts";
import { add, crossEntropy, Tape, type TapeOptions } from "../../src/autograd/mod.ts";
import type { ModelInputs } from "../../src/core/batch.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { loadModel, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { fits, kinds, methods } from "../adapt/prefix/prefixes.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { golden } from "../support/golden.ts";

const causal = [
  "gpt2_tiny",
  ...["llama", "mistral", "qwen2", "qwen3", "gpt_neox"].map((name) => `families/${name}`),
];
const masked = [
  ...["families/bert_masked", "families/roberta_masked", "families/deberta_masked"],
  ...["families/deberta_v2_masked", "families/deberta_v2_convolution_masked"],
  "families/mpnet_masked",
];
const classifiers = [
  ...["classifier", "families/llama_classifier", "families/gpt_neox_classifier"],
  ...["families/bert_classifier", "families/roberta_classifier", "families/deberta_classifier"],
  ...["families/deberta_v2_classifier", "families/deberta_v2_convolution"],
  "families/mpnet_classifier",
];

const lengths = [6, 3, 1, 5], batch = lengths.length, time = 6;

/** Virtual tokens before each. */
const length = 2;

const isPadding = (at: number) => at % time >= lengths[Math.floor(at / time)];

/** Words that are none of the special tokens of a family. */
const word = (at: number) => 4 + (7 * at) % 7;

/** The same sequences padded, with a mask. */
function padded({ padding = 0 }: Pick<TextModel, "padding">): ModelInputs {
  const tensor = (value: (at: number) => number) => ({
    shape: [batch, time],
    data: Uint32Array.from({ length: batch * time }, (_, at) => value(at)),
  });
  return {
    tokens: tensor((at) => isPadding(at) ? padding : word(at)),
    attentionMask: tensor((at) => Number(!isPadding(at))),
  };
}

/** The same sequences packed. */
function packed(): ModelInputs {
  const places = [...Array(batch * time).keys()].filter((at) => !isPadding(at));
  const data = Uint32Array.from(places, word);
  return { tokens: { shape: [1, data.length], data }, lengths };
}

/** One of them alone. */
function onlyOne(sequence: number): ModelInputs {
  const data = Uint32Array.from(
    { length: lengths[sequence] },
    (_, at) => word(sequence * time + at),
  );
  return { tokens: { shape: [1, data.length], data } };
}

/** Its targets. */
const ofOne = ({ shape, data }: HostTensor, sequence: number) =>
  shape.length === 1
    ? data.subarray(sequence, sequence + 1)
    : data.subarray(sequence * time, sequence * time + lengths[sequence]);

/** A class for each sequence, or a label for some tokens: none of the third sequence, nor of the last ends. */
function targetsOf({ architecture: { head } }: TextModel): HostTensor {
  if (head === "classes") return { shape: [batch], data: Int32Array.of(0, 1, 1, 0) };
  const data = Int32Array.from(
    { length: batch * time },
    (_, at) => isPadding(at) || at % 3 === 0 || at % time > 3 ? -100 : word(at + 1),
  );
  return { shape: [batch, time], data };
}

/** Values and gradients of a loss, and how many rows each linear layer of its blocks saw. */
async function differentiate(
  model: TextModel,
  lossOn: (tape: Tape) => Tensor,
  options: TapeOptions = {},
) {
  const rows: number[] = [], names = new Set(model.linears.map(({ name }) => `${name}.weight`));
  const onLinear = (weight: string, x: Tensor) => void (names.has(weight) && rows.push(x.shape[0]));
  using tape = new Tape(model.device, { ...options, onLinear });
  const loss = lossOn(tape);
  tape.backward(loss);
  const gradients = model.trainable().flatMap((one) => tape.gradientOf(one) ?? []);
  const read = await model.device.read(loss, ...gradients);
  return { values: read.flatMap(({ data }) => [...data]), rows };
}

/** Virtual tokens of a kind, or else LoRA. */
const inject = (model: TextModel, kind?: PrefixKind) =>
  kind
    ? methods[kind](model, { length, seed: 1 })
    : injectLora(model, { rank: 2, targetModules: "all-linear", seed: 1 });

async function checkStep(
  device: Device,
  name: string,
  epsilon: number,
  kind?: PrefixKind,
): Promise<void> {
  using model = await loadModel(device, golden(name), { dropout: 0 });
  using _ = inject(model, kind);
  const inputs = padded(model), targets = targetsOf(model), divisor = 5;
  const alone = await differentiate(model, (tape) =>
    lengths.map((_, sequence) => {
      const logits = model.forward(tape, onlyOne(sequence));
      return crossEntropy(tape, logits, ofOne(targets, sequence), { divisor });
    }).reduce((sum, loss) => add(tape, sum, loss)));
  const lossOn = (tape: Tape) =>
    lossOfBatch(tape, model, { inputs, targets }, { loss: crossEntropy, divisor });
  const step = await differentiate(model, lossOn);
  const again = await differentiate(model, lossOn, { activationCheckpointing: true });
  for (const { values } of [step, again]) {
    assertAllClose(values, alone.values, { relative: 0, absolute: 3e3 * epsilon });
  }
  // In a causal model, what is behind the last label of a sequence is left out, too.
  const tokens = model.isCausal ? 3 + 3 + 1 + 3 : 6 + 3 + 1 + 5;
  const areComputed = kind && kind !== "prefix-tuning";
  assertEquals(step.rows[0], tokens + (areComputed ? batch * length : 0));
  // Behind its attention, the last block computes what the head reads.
  const read = targets.data.filter((label) => label >= 0).length;
  assertEquals(step.rows.at(-1), read);
}

async function checkPacked(
  device: Device,
  name: string,
  epsilon: number,
  kind?: PrefixKind,
): Promise<void> {
  using model = await loadModel(device, golden(name), { dropout: 0 });
  using _ = inject(model, kind);
  const alone: number[] = [];
  for (const sequence of lengths.keys()) {
    alone.push(...(await outputsOf(model, onlyOne(sequence))).data);
  }
  const together = await outputsOf(model, packed());
  assertEquals(together.shape[0], model.architecture.head === "classes" ? batch : 15);
  assertAllClose(together.data, alone, { relative: 0, absolute: 3e3 * epsilon });
}

async function checkApart(device: Device, name: string, kind?: PrefixKind): Promise<void> {
  using model = await loadModel(device, golden(name), { dropout: 0 });
  using _ = inject(model, kind);
  const inputs = packed(), others = { ...inputs, tokens: changed(inputs.tokens, 6, 3) };
  const outputs = [await outputsOf(model, inputs), await outputsOf(model, others)];
  const [width, isPerToken] = [outputs[0].shape[1], outputs[0].shape[0] === 15];
  const [start, end] = isPerToken ? [6, 9] : [1, 2];
  const ofSecond = ({ data }: HostTensor) => [...data].slice(start * width, end * width);
  const ofOthers = ({ data }: HostTensor) =>
    [...data].filter((_, i) => i < start * width || i >= end * width);
  assertEquals(ofOthers(outputs[1]), ofOthers(outputs[0]));
  assert(ofSecond(outputs[1]).some((value, i) => value !== ofSecond(outputs[0])[i]));
}

/** Other words at some places. */
const changed = ({ shape, data }: HostTensor, start: number, count: number): HostTensor => ({
  shape,
  data: Uint32Array.from(data, (id, at) => at >= start && at < start + count ? id ^ 1 : id),
});

/** Adapters of two ranks, in a set, on layers that are chosen as in `injectLora`. */
async function setOfTwo(model: TextModel, layers: Omit<LoraOptions, "rank">): Promise<AdapterSet> {
  const updatesOf = async (seed: number) => {
    using adapter = injectLora(model, { ...layers, rank: seed, seed });
    for (const { tensor } of adapter.parameters) {
      const values = Float32Array.from({ length: tensor.size }, (_, i) => (i % 7 - 3) / 20);
      model.device.write(tensor, values);
    }
    return await adapter.read();
  };
  const first = await updatesOf(1), second = await updatesOf(2), adapters = new AdapterSet(model);
  adapters.add({ first, second });
  return adapters;
}

async function checkAdapterSet(
  device: Device,
  epsilon: number,
  kind?: PrefixKind,
): Promise<void> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  using adapters = await setOfTwo(model, { sites: "all" });
  adapters.use([undefined]); // Virtual tokens start as words, which are computed as one row.
  using _ = kind && methods[kind](model, { length, seed: 1, onTop: true });
  adapters.use(["first", "second", undefined, "first"]);
  const [whole, rows] = [await outputsOf(model, padded(model)), await outputsOf(model, packed())];
  const width = whole.shape[1];
  const seen = [...whole.data].filter((_, i) => !isPadding(Math.floor(i / width)));
  assertAllClose(rows.data, seen, { relative: 0, absolute: 3e3 * epsilon });
}

/** The last block, and a head's own layer, have adapters; its last layer is computed in blocks, of rows in any order. */
async function checkRowsOfSet(device: Device, name: string, epsilon: number): Promise<void> {
  using model = await loadModel(device, golden(name));
  using adapters = await setOfTwo(model, { targetModules: "all-linear" });
  adapters.use(["first", "second", undefined, "second"]);
  const inputs = padded(model), targets = targetsOf(model), close = 3e3 * epsilon;
  const lossOf = async (lossOn: (tape: Tape) => Tensor) => {
    using tape = new Tape(device, { record: false });
    return [...(await device.read(lossOn(tape)))[0].data];
  };
  const whole = await lossOf((tape) =>
    crossEntropy(tape, model.forward(tape, inputs), targets, { divisor: 5 })
  );
  // Blocks of as many rows as there are sequences among them.
  for (const rows of [1, 3, batch, 100]) {
    const mostOutputs = rows * model.vocabulary, options = { loss: crossEntropy, divisor: 5 };
    const found = await lossOf((tape) =>
      lossOfBatch(tape, model, { inputs, targets }, { ...options, mostOutputs })
    );
    assertAllClose(found, whole, { relative: 0, absolute: close });
  }
  const all = [...Array(batch * time).keys()], width = model.vocabulary;
  const inOrder = await outputsOf(model, inputs, { rows: all });
  const reversed = await outputsOf(model, inputs, { rows: all.toReversed() });
  const back = all.toReversed().flatMap((
    row,
  ) => [...reversed.data.slice(row * width, (row + 1) * width)]);
  assertAllClose(back, [...inOrder.data], { relative: 0, absolute: close });
  // As many rows as there are sequences, all of one.
  const first = await outputsOf(model, inputs, { rows: all.slice(0, batch) });
  assertAllClose(first.data, inOrder.data.slice(0, first.data.length), {
    relative: 0,
    absolute: close,
  });
}

async function checkRefusals(device: Device): Promise<void> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  const inputs = packed(), { attentionMask } = padded(model);
  const refused = (inputs: ModelInputs, sentence: string) =>
    assertThrows(
      () => {
        using tape = new Tape(device, { record: false });
        model.forward(tape, inputs);
      },
      RangeError,
      sentence,
    );
  refused({ ...inputs, lengths: [15.5] }, "must be a positive integer, found 15.5 at 0");
  refused({ ...inputs, lengths: [6, 0, 9] }, "must be a positive integer, found 0 at 1");
  refused({ ...inputs, lengths: [6] }, "must have shape [1, 6], found [1, 15]");
  refused({ ...inputs, attentionMask }, "no hidden tokens, found a mask");
  using cache = model.openCache(4, 6);
  assertThrows(
    () => {
      using tape = new Tape(device, { record: false });
      model.forward(tape, inputs, { cache });
    },
    RangeError,
    "packed sequences are whole, found a cache",
  );
  const short = { shape: [batch, time], data: new Uint32Array(5).fill(1) };
  for (const name of ["attentionMask", "positionIds", "tokenTypeIds"]) {
    assertThrows(
      () => {
        using tape = new Tape(device, { record: false });
        model.states(tape, { ...padded(model), [name]: short }, { rows: [0] });
      },
      ShapeError,
      "must have 24 values, found 5",
    );
  }
}

/** Of 24 tokens, two are less than a tenth and three are more. */
async function checkLeast(device: Device): Promise<void> {
  using bert = await loadModel(device, golden("families/bert_classifier"));
  using deberta = await loadModel(device, golden("families/deberta_classifier"));
  const rowsOf = (model: TextModel, hidden: number) => {
    const inputs = padded(model), rows: number[] = [];
    const isHidden = (at: number) => at >= batch * time - hidden;
    const tokens = {
      ...inputs.tokens,
      data: inputs.tokens.data.map((_, at) => isHidden(at) ? 0 : word(at)),
    };
    const attentionMask = { ...tokens, data: tokens.data.map((_, at) => Number(!isHidden(at))) };
    using tape = new Tape(device, { record: false, onLinear: (_, x) => rows.push(x.shape[0]) });
    model.forward(tape, { tokens, attentionMask });
    return rows[0];
  };
  assertEquals([2, 3].map((hidden) => rowsOf(bert, hidden)), [22, 21]);
  assertEquals([2, 3].map((hidden) => rowsOf(deberta, hidden)), [24, 21]);
}

const checks: Check[] = [
  ...[...causal, ...masked, ...classifiers].flatMap((name): Check[] =>
    [undefined, ...kinds.filter((kind) => fits(kind, name))].flatMap((kind): Check[] => {
      const what = kind ? `${kind} on ${name}` : name;
      return [{
        name: `${what}: a step without padding has the loss and gradients of one with it`,
        run: (device, epsilon) => checkStep(device, name, epsilon, kind),
      }, {
        name: `${what}: packed sequences have the outputs of padded ones`,
        run: (device, epsilon) => checkPacked(device, name, epsilon, kind),
      }, {
        name: `${what}: packed sequences do not see each other`,
        run: (device) => checkApart(device, name, kind),
      }];
    })
  ),
  ...[undefined, ...kinds].map((kind): Check => ({
    name: `rows with adapters of their own${kind ? ` and ${kind}` : ""} may be packed`,
    run: (device, epsilon) => checkAdapterSet(device, epsilon, kind),
  })),
  ...["gpt2_tiny", "families/bert_masked"].map((name): Check => ({
    name: `${name}: with adapters of rows, rows may be picked and the head computed in blocks`,
    run: (device, epsilon) => checkRowsOfSet(device, name, epsilon),
  })),
  { name: "DeBERTa keeps what little padding there is", run: checkLeast },
  { name: "what is packed wrongly is refused", run: checkRefusals },
];

await testOn(allDevices, checks);
