import { assert, assertEquals, assertThrows } from "@std/assert";
import { injectBitFit, injectBottleneck, injectLora } from "../../src/adapt/mod.ts";
import {
  add,
  crossEntropy,
  gelu,
  layerNorm,
  linear,
  Parameter,
  rmsNorm,
  scale,
  Tape,
} from "../../src/autograd/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { Gpt2, initGpt2, parseGpt2Config } from "../../src/models/mod.ts";

function parameterOn(device: Device, values: number[]): Parameter {
  const tensor = device.allocate([values.length], "f32", "weight", "w");
  device.write(tensor, Float32Array.from(values));
  return new Parameter("w", tensor);
}

const isAlive = ({ storage }: Tensor) => storage.alive;

Deno.test("a released value is freed at once, or once the backward that saved it has run", () => {
  using device = new ReferenceDevice();
  const w = parameterOn(device, [1, 2]);
  using tape = new Tape(device);
  const x = add(tape, w, w), unread = scale(tape, x, 2), y = gelu(tape, x);
  tape.release(x, unread);
  assertEquals([x, unread, y].map(isAlive), [true, false, true]);
  assertThrows(
    () => scale(tape, unread, 1),
    DeviceError,
    "scaled was used after it was disposed; tape.keep(x) keeps x as long as its tape",
  );
  tape.backward(y);
  assertEquals([x, y].map(isAlive), [false, true]);
});

Deno.test("what several backwards saved is freed after the last of them", () => {
  using device = new ReferenceDevice();
  const w = parameterOn(device, [1, 2]);
  using tape = new Tape(device);
  const x = add(tape, w, w), first = gelu(tape, x), seen: boolean[] = [];
  const watched = tape.record(first, [first], (dy) => {
    seen.push(isAlive(x));
    tape.pass(first, dy);
  }, []);
  const y = add(tape, gelu(tape, x.view([2])), gelu(tape, x)); // a view saves what it shows
  tape.release(x);
  tape.backward(add(tape, watched, y));
  assertEquals([...seen, isAlive(x)], [true, false]);
});

Deno.test("an operation that does not say what it saves keeps its inputs and its result", () => {
  using device = new ReferenceDevice();
  const w = parameterOn(device, [1, 2]);
  using tape = new Tape(device);
  const x = add(tape, w, w), y = tape.activation([2], "y");
  tape.record(y, [x], (dy) => assertEquals([x, y, dy].map(isAlive), [true, true, true]));
  tape.release(x, y);
  assertEquals([x, y].map(isAlive), [true, true]);
  tape.backward(y);
  assertEquals([x, y].map(isAlive), [false, false]);
});

Deno.test("what a tape did not make, and what it is told to keep, outlives a release", () => {
  using device = new ReferenceDevice();
  const w = parameterOn(device, [1, 2]);
  using own = device.allocate([2], "f32", "activation", "own");
  using tape = new Tape(device, { record: false });
  const x = tape.keep(add(tape, w, w)), y = add(tape, w, w);
  tape.release(x, own, w.tensor, y.view([1]));
  assertEquals([x, own, w.tensor, y].map(isAlive), [true, true, true, true]);
});

const config = parseGpt2Config({
  ...{ vocab_size: 11, n_positions: 8, n_embd: 12, n_layer: 2, n_head: 3 },
});
const tokens = { shape: [2, 5], data: Uint32Array.from({ length: 10 }, (_, i) => i) };
const labels = Int32Array.from({ length: 10 }, (_, i) => (i + 1) % 11);

Deno.test("a loop of one's own may read logits, loss and inputs of layers after backward", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  const seen: Tensor[] = [];
  using tape = new Tape(device, { onLinear: (_, input) => seen.push(input) });
  const logits = model.forward(tape, { tokens });
  const loss = crossEntropy(tape, logits, labels);
  tape.backward(loss);
  const values = await device.read(logits, loss, ...seen);
  assertEquals(seen.length, 4 * config.n_layer + 1);
  assert(values.every(({ data }) => data.every(Number.isFinite)));
});

/** Keeps everything, as a tape without releases would. */
class HoardingTape extends Tape {
  override release(): void {}
}

const methods: Record<string, (model: Gpt2) => Disposable | undefined> = {
  "full": () => undefined,
  "LoRA on q and v": (model) => injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 }),
  "LoRA with dropout": (model) =>
    injectLora(model, { rank: 2, sites: "all", dropout: 0.2, seed: 1 }),
  "bottlenecks": (model) => injectBottleneck(model, { size: 2, seed: 1 }),
  "bottlenecks after the sum": (model) =>
    injectBottleneck(model, { variant: "lin", size: 2, init: "bert" }),
  "BitFit": (model) => injectBitFit(model),
};

async function bitsOf(tape: Tape, model: Gpt2): Promise<number[][]> {
  const loss = crossEntropy(tape, model.forward(tape, { tokens }), labels);
  tape.backward(loss);
  const gradients = model.trainable().map((one) => tape.gradientOf(one)!);
  return (await model.device.read(loss, ...gradients)).map(({ data }) => [...data]);
}

const norms: Record<string, (tape: Tape, x: Tensor, weight: Parameter) => Tensor> = {
  "RMS norm": (tape, x, weight) => rmsNorm(tape, x, weight, 1e-5),
  "layer norm": (tape, x, weight) => layerNorm(tape, x, weight, weight, 1e-5),
};

/** One norm after another, and a trained layer on each result; nothing else reads these. */
function normalize(tape: Tape, norm: (typeof norms)[string], [X, w, W]: readonly Parameter[]) {
  const x = scale(tape, add(tape, X, X), 0.5), first = norm(tape, x, w);
  const second = norm(tape, first, w);
  const sum = add(tape, linear(tape, first.view([2, 3]), W), linear(tape, second, W));
  tape.release(x, first, second);
  return { results: [first, second], sum };
}

for (const [name, norm] of Object.entries(norms)) {
  Deno.test(`${name}: a released result is freed, and computed once more for what saved it`, async () => {
    for (const device of [new ReferenceDevice(), await openCpuDevice({ threads: 2 })]) {
      using _ = device;
      const shapes = [[2, 3], [3], [4, 3]],
        parameters = shapes.map((shape, i) => {
          const tensor = device.allocate(shape, "f32", "weight", `${i}`);
          device.write(
            tensor,
            Float32Array.from({ length: tensor.size }, (_, j) => (i + j) % 5 - 1.5),
          );
          return new Parameter(`${i}`, tensor);
        });
      const outcomes = [new Tape(device), new HoardingTape(device)].map(async (tape) => {
        using _ = tape;
        const { results, sum } = normalize(tape, norm, parameters);
        const before = results.map(isAlive);
        tape.backward(sum);
        const gradients = parameters.map((one) => tape.gradientOf(one)!);
        const bits = (await device.read(...gradients)).map(({ data }) => [...data]);
        return { bits, alive: [before, results.map(isAlive)] };
      });
      const [freed, held] = await Promise.all(outcomes), none = [false, false], both = [true, true];
      assertEquals([freed.alive, held.alive], [[none, none], [both, both]]);
      assertEquals(freed.bits, held.bits);
      assert(freed.bits.every((values) => values.some((value) => value !== 0)));
    }
  });
}

const [rows, classes] = [5, 7];

/** Logits of leaves, whose loss is taken `twice` or once; and the gradient of the leaves. */
async function lossOf(device: Device, leaf: Parameter, isFreed: boolean, twice = false) {
  device.ledger.resetPeak();
  using tape = new Tape(device);
  const logits = scale(tape, add(tape, leaf, leaf), 0.5), labels = [1, -100, 0, 6, 3];
  const losses = Array.from({ length: twice ? 2 : 1 }, () => crossEntropy(tape, logits, labels));
  if (isFreed) tape.release(logits);
  tape.backward(losses.reduce((sum, loss) => add(tape, sum, loss)));
  const [{ data }] = await device.read(tape.gradientOf(leaf)!), { storage } = logits;
  return { gradient: [...data], peak: device.ledger.read().peak, alive: storage.alive };
}

Deno.test("cross-entropy writes its gradient over logits that were released, with the same bits", async () => {
  for (const device of [new ReferenceDevice(), await openCpuDevice({ threads: 2 })]) {
    using _ = device;
    const tensor = device.allocate([rows, classes], "f32", "weight", "leaf");
    device.write(tensor, Float32Array.from({ length: rows * classes }, (_, i) => i * i % 5 - 1.5));
    const leaf = new Parameter("leaf", tensor);
    const [freed, held] = [await lossOf(device, leaf, true), await lossOf(device, leaf, false)];
    assertEquals(freed.gradient, held.gradient);
    assertEquals([freed.alive, held.alive], [false, true]);
    assertEquals(held.peak - freed.peak, tensor.bytes);
    const both = [await lossOf(device, leaf, true, true), await lossOf(device, leaf, false, true)];
    const doubled = freed.gradient.map((value) => 2 * value);
    assertEquals(both.map(({ gradient }) => gradient), [doubled, doubled]);
    assertEquals(both.map(({ alive }) => alive), [false, true]);
  }
});

Deno.test("a norm's result that is kept is not computed once more", () => {
  using device = new ReferenceDevice();
  const w = parameterOn(device, [1, 2]);
  using tape = new Tape(device);
  const x = add(tape, w, w).view([1, 2]), W = new Parameter("W", w.tensor.view([1, 2]));
  const y = tape.keep(rmsNorm(tape, x, w, 1e-5)), { storage: { handle } } = y;
  const out = linear(tape, y, W);
  tape.release(y);
  assert(isAlive(y));
  tape.backward(out);
  assert(isAlive(y) && y.storage.handle === handle);
});

for (const [name, inject] of Object.entries(methods)) {
  Deno.test(`${name}: freeing early changes no bit of a loss or a gradient`, async () => {
    for (const device of [new ReferenceDevice(), await openCpuDevice({ threads: 2 })]) {
      using _ = device;
      using model = initGpt2(device, config, { seed: 1, dropout: 0.1 });
      using _adapter = inject(model);
      using tape = new Tape(device, { dropoutSeed: 3 });
      using hoarding = new HoardingTape(device, { dropoutSeed: 3 });
      assertEquals(await bitsOf(tape, model), await bitsOf(hoarding, model));
    }
  });
}

Deno.test("without gradients, memory does not grow with the number of blocks", () => {
  const peakOf = (n_layer: number) => {
    using device = new DryDevice();
    using model = Gpt2.allocate(device, { ...config, n_layer });
    device.ledger.resetPeak();
    using tape = new Tape(device, { record: false });
    model.forward(tape, { tokens });
    return device.ledger.read().peakByRole.activation;
  };
  assertEquals(peakOf(7), peakOf(1));
});
