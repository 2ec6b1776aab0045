import { assertEquals } from "@std/assert";
import type { Kernel } from "../../kernels/mod.ts";
import {
  add,
  attention,
  convolution,
  crossEntropy,
  type Differentiable,
  dropout,
  embedding,
  firstRows,
  fusedInputs,
  gelu,
  headPart,
  headProduct,
  klDivergence,
  layerNorm,
  linear,
  packSequences,
  padRows,
  padSequences,
  Parameter,
  relu,
  replaceRows,
  rmsNorm,
  rotary,
  scale,
  silu,
  softmax,
  squaredError,
  swiglu,
  tanh,
  Tape,
  unpadRows,
} from "../../src/autograd/mod.ts";
import { adaptedLinear } from "../../src/autograd/ops/low_rank.ts";
import { addColumns } from "../../src/autograd/ops/add.ts";
import { rowBlock } from "../../src/autograd/ops/product.ts";
import { sizeOf } from "../../src/core/tensor.ts";
import type { AnyBindings, Storage, Tensor } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";

/** Knows which buffers there are, and which of them kernels have read. */
class WatchedDevice extends DryDevice {
  readonly made = new Set<Storage>();
  readonly seen = new Set<Storage>();

  override allocate(...of: Parameters<DryDevice["allocate"]>): Tensor {
    const tensor = super.allocate(...of);
    this.made.add(tensor.storage);
    return tensor;
  }

  override launch(kernel: Kernel, bindings: AnyBindings, scalars: Record<string, number>): void {
    for (const name in kernel.bindings) {
      if (kernel.bindings[name].access === "read") this.seen.add(bindings[name].storage);
    }
    super.launch(kernel, bindings, scalars);
  }
}

/** Knows what the latest operation saved. */
class WatchedTape extends Tape {
  saved: readonly Tensor[] = [];

  override record(
    out: Tensor,
    inputs: readonly Differentiable[],
    backward: (gradient: Tensor) => void,
    saved?: readonly Tensor[],
  ): Tensor {
    this.saved = saved ?? [];
    return super.record(out, inputs, backward, saved);
  }
}

/** A tape with tensors to try an operation on. */
interface Stage {
  readonly tape: WatchedTape;
  /** An activation with a gradient. */
  x(...shape: number[]): Tensor;
  /** A parameter, trained or frozen. */
  parameter(trainable: boolean, ...shape: number[]): Parameter;
}

const floats = (...shape: number[]) => ({ shape, data: new Float32Array(sizeOf(shape)) });
const site = (stage: Stage, trainable: boolean, dropout: number, start: number) => ({
  A: stage.parameter(trainable, 2, 4),
  B: stage.parameter(trainable, 3, 2),
  rows: { start, count: 3 },
  scaling: 2,
  dropout,
});

const operations: Record<string, (stage: Stage) => Tensor> = {
  add: ({ tape, x }) => add(tape, x(2, 3), x(2, 3)),
  "scores by head": ({ tape, x }) =>
    headProduct(tape, x(4, 4), x(6, 4), { groups: 2, heads: 2, transposeB: true }),
  "values by head": ({ tape, x }) => headProduct(tape, x(4, 6), x(6, 4), { groups: 2, heads: 2 }),
  softmax: ({ tape, x }) => softmax(tape, x(4, 6), { batch: 2, heads: 2 }),
  "convolution, trained": ({ tape, x, parameter }) =>
    convolution(tape, x(4, 2), parameter(true, 3, 2, 3), parameter(true, 3), { batch: 2, time: 2 }),
  "convolution, frozen": ({ tape, x, parameter }) =>
    convolution(tape, x(4, 2), parameter(false, 3, 2, 3), parameter(false, 3), {
      ...{ batch: 2, time: 2 },
    }),
  "part of heads": ({ tape, x, parameter }) =>
    headPart(tape, x(2, 12), { heads: 2, parts: 3, part: 1, bias: parameter(true, 4) }),
  "replaced rows": ({ tape, x, parameter }) =>
    replaceRows(
      tape,
      x(4, 3),
      [{ values: parameter(true, 1, 5), width: 2, offset: 1 }],
      firstRows(tape, 1, [0, 2, 4]),
    ),
  "packed rows among padded ones": ({ tape, x }) =>
    padRows(tape, x(3, 2), padSequences(tape, [1, 2])),
  "padded rows without others": ({ tape, x }) =>
    unpadRows(tape, x(4, 2), padSequences(tape, [1, 2])),
  "block of rows": ({ tape, x }) => rowBlock(tape, x(4, 3), { start: 1, count: 2 }),
  addColumns: ({ tape, x }) => addColumns(tape, x(2, 6), x(2, 3), { start: 3, count: 3 }),
  scale: ({ tape, x }) => scale(tape, x(2, 3), 4),
  gelu: ({ tape, x }) => gelu(tape, x(2, 3)),
  relu: ({ tape, x }) => relu(tape, x(2, 3)),
  silu: ({ tape, x }) => silu(tape, x(2, 3)),
  tanh: ({ tape, x }) => tanh(tape, x(2, 3)),
  swiglu: ({ tape, x }) => swiglu(tape, x(2, 3), x(2, 3)),
  "rms norm, trained": ({ tape, x, parameter }) => rmsNorm(tape, x(2, 4), parameter(true, 4), 1e-5),
  "rms norm, frozen": ({ tape, x, parameter }) => rmsNorm(tape, x(2, 4), parameter(false, 4), 1e-5),
  rotary: ({ tape, x }) => {
    const window = { tensor: x(3, 6), offset: 1, width: 4 };
    const table = tape.allocate([5, 2], "f32", "activation", "table");
    const positions = tape.allocate([3], "u32", "activation", "positions");
    return rotary(tape, window, table, positions, 2);
  },
  dropout: ({ tape, x }) => dropout(tape, x(2, 3), 0.5),
  "embedding of rows": ({ tape, x }) => embedding(tape, x(5, 3), [1, 4]),
  "layer norm, trained": ({ tape, x, parameter }) =>
    layerNorm(tape, x(2, 4), parameter(true, 4), parameter(true, 4), 1e-5),
  "layer norm, frozen": ({ tape, x, parameter }) =>
    layerNorm(tape, x(2, 4), parameter(false, 4), parameter(false, 4), 1e-5),
  "linear, trained": ({ tape, x, parameter }) =>
    linear(tape, x(2, 4), parameter(true, 6, 4), parameter(true, 6)),
  "linear, frozen": ({ tape, x, parameter }) =>
    linear(tape, x(2, 4), parameter(false, 6, 4), parameter(false, 6)),
  "linear, only its bias trained": ({ tape, x, parameter }) =>
    linear(tape, x(2, 4), parameter(false, 6, 4), parameter(true, 6)),
  "adapted linear": (stage) =>
    adaptedLinear(stage.tape, stage.x(2, 4), stage.parameter(false, 6, 4), undefined, [
      site(stage, true, 0, 0),
      site(stage, true, 0, 3),
    ]),
  "adapted linear, dropout": (stage) =>
    adaptedLinear(stage.tape, stage.x(2, 4), stage.parameter(false, 6, 4), undefined, [
      site(stage, true, 0.5, 0),
    ]),
  "adapted linear, weight trained too": (stage) =>
    adaptedLinear(stage.tape, stage.x(2, 4), stage.parameter(true, 6, 4), undefined, [
      site(stage, true, 0.5, 0),
    ]),
  "adapted linear, updates frozen": (stage) =>
    adaptedLinear(stage.tape, stage.x(2, 4), stage.parameter(false, 6, 4), undefined, [
      site(stage, false, 0, 0),
    ]),
  "attention, fused": ({ tape, x }) =>
    attention(tape, fusedInputs(x(4, 12)), { batch: 2, time: 2, heads: 2, causal: true }),
  "attention, apart, masked": ({ tape, x }) => {
    const [q, k, v] = [x(4, 4), x(4, 4), x(4, 4)].map((tensor) => ({ tensor, width: 4 }));
    const mask = tape.allocate([2, 2], "u32", "activation", "mask");
    return attention(tape, { q, k, v }, { batch: 2, time: 2, heads: 2, causal: false, mask });
  },
  "attention, grouped": ({ tape, x }) => {
    const [q, k, v] = [x(4, 4), x(4, 2), x(4, 2)].map((tensor) => ({
      tensor,
      width: tensor.shape[1],
    }));
    return attention(tape, { q, k, v }, { batch: 2, time: 2, heads: 2, causal: true });
  },
  "attention, packed, fused": ({ tape, x }) => {
    const sequences = packSequences(tape, [1, 3]);
    return attention(tape, fusedInputs(x(4, 12)), { sequences, heads: 2, causal: true });
  },
  "attention, packed, apart": ({ tape, x }) => {
    const [q, k, v] = [x(4, 4), x(4, 4), x(4, 4)].map((tensor) => ({ tensor, width: 4 }));
    const sequences = packSequences(tape, [3, 1]);
    return attention(tape, { q, k, v }, { sequences, heads: 2, causal: false });
  },
  "cross-entropy": ({ tape, x }) => crossEntropy(tape, x(2, 5), [1, 2]),
  "KL divergence": ({ tape, x }) => klDivergence(tape, x(2, 5), floats(2, 5)),
  "squared error": ({ tape, x }) => squaredError(tape, x(2, 5), floats(2, 5)),
};

for (const [name, operation] of Object.entries(operations)) {
  Deno.test(`${name} saves what its backward reads, and nothing else`, () => {
    using device = new WatchedDevice();
    using tape = new WatchedTape(device, { dropoutSeed: 1 });
    const owned: Tensor[] = [];
    const parameter = (trainable: boolean, ...shape: number[]) => {
      owned.push(device.allocate(shape, "f32", "weight", "parameter"));
      const made = new Parameter("parameter", owned.at(-1)!);
      made.trainable = trainable;
      return made;
    };
    const anchor = parameter(true, 1);
    const x = (...shape: number[]) =>
      tape.record(tape.activation(shape, "x"), [anchor], () => {}, []);
    const out = operation({ tape, x, parameter });
    const { saved } = tape, before = new Set(device.made);
    device.seen.clear();
    tape.backward(out);
    const labels = (storages: Iterable<Storage>) => [...storages].map(({ label }) => label).sort();
    const read = [...device.seen].filter((one) => before.has(one) && one.role !== "weight");
    assertEquals(labels(new Set(saved.map(({ storage }) => storage))), labels(read));
    for (const tensor of owned) tensor[Symbol.dispose]();
  });
}
