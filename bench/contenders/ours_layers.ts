/** Lowrank's products and single layers. @module */

import { matmul, scaleAdd, sumSquares } from "../../kernels/mod.ts";
import { onePair } from "../../kernels/matmul/kernel.ts";
import { rootSum, squaresChunk } from "../../kernels/mod.ts";
import { Parameter, Tape } from "../../src/autograd/mod.ts";
import { adaptedLinear } from "../../src/autograd/ops/low_rank.ts";
import type { LowRankSite } from "../../src/autograd/mod.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { adamW } from "../../src/train/mod.ts";
import type { Case } from "../protocol.ts";
import {
  type Entry,
  extents,
  layer,
  layerEntries,
  layouts,
  learningRate,
  values,
} from "../workloads.ts";

function put(device: Device, { name, shape, data }: Entry): Tensor {
  const tensor = device.allocate(shape, "f32", "weight", name);
  device.write(tensor, data);
  return tensor;
}

/** Reading one value waits for all that was launched before it. */
const settle = async (y: Tensor): Promise<void> => void await y.device.read(y.view([1], 0));

async function meanSize(y: Tensor): Promise<number> {
  const [{ data }] = await y.device.read(y);
  return Array.from(data).reduce((sum, value) => sum + Math.abs(value), 0) / y.size;
}

/** Every extent in the three layouts. */
export function products(device: Device): Case[] {
  return extents.flatMap((n) => layouts.map((layout) => product(device, n, layout)));
}

function product(device: Device, n: number, layout: typeof layouts[number]): Case {
  const name = `matmul ${n} ${layout}`, shape = [n, n];
  const [a, b] = [1, 2].map((seed) =>
    put(device, { name: "operand", shape, data: values(seed, n * n) })
  );
  const c = device.allocate(shape, "f32", "activation", "c");
  const scalars = {
    ...{ m: n, n, k: n, aStride: n, bStride: n, cStride: n, aOffset: 0, bOffset: 0, cOffset: 0 },
    ...{ alpha: 1, hasBias: 0, accumulate: 0 },
    ...onePair,
    ...{ transposeA: Number(layout[0] === "T"), transposeB: Number(layout[1] === "T") },
  };
  const bias = device.allocate([1], "f32", "scratch", "no bias");
  const step = () => {
    device.launch(matmul, { a, b, a2: a, b2: b, bias, c }, scalars);
    device.submit();
  };
  return { name, step, wait: () => settle(c), check: () => meanSize(c) };
}

function layerParts(device: Device) {
  const { x, W, A, B, target } = layerEntries();
  const parameter = (entry: Entry) => new Parameter(entry.name, put(device, entry));
  const rows = { start: 0, count: layer.width };
  const site: LowRankSite = {
    ...{ A: parameter(A), B: parameter(B), scaling: layer.scaling, rows, dropout: 0 },
  };
  const weight = parameter(W);
  weight.trainable = false;
  return { x: put(device, x), weight, site, target: put(device, target) };
}

/** The forward pass of a frozen layer, adapted and merged; a merged one is a frozen one again. */
export function lowRank(device: Device): Case[] {
  const { x, weight, site } = layerParts(device);
  const forward = (name: string, sites: LowRankSite[]): Case => {
    const out = device.allocate([layer.tokens, layer.width], "f32", "activation", "kept");
    const step = () => {
      using tape = new Tape(device, { record: false });
      const y = adaptedLinear(tape, x, weight, undefined, sites);
      // One value is kept, so that something outlives the tape to be waited for.
      copy(y.view([1], 0), out.view([1], 0), 1, false);
      device.submit();
    };
    const check = async () => {
      using tape = new Tape(device, { record: false });
      return await meanSize(adaptedLinear(tape, x, weight, undefined, sites));
    };
    return { name: `low_rank ${name}`, step, wait: () => settle(out), check };
  };
  return [forward("frozen", []), forward("adapted", [site]), forward("frozen again", [])];
}

function copy(x: Tensor, y: Tensor, alpha: number, accumulate: boolean): void {
  x.device.launch(scaleAdd, { x, y }, {
    ...{ size: x.size, xOffset: 0, yOffset: 0, alpha, accumulate: Number(accumulate) },
  });
}

/** Forward, squared error, backward and Adam of the adapted layer; W and x have no gradient. */
export function loraLinear(device: Device): Case {
  const { x, weight, site, target } = layerParts(device);
  const optimizer = adamW([site.A, site.B], { learningRate });
  const difference = device.allocate(target.shape, "f32", "activation", "difference");
  const norm = device.allocate([1], "f32", "scratch", "norm of the difference");
  const partials = device.allocate(
    ...[[Math.ceil(target.size / squaresChunk)], "f32", "scratch", "partial sums"] as const,
  );
  const measureError = (y: Tensor) => {
    copy(y, difference, 1, false);
    copy(target, difference, -1, true);
    device.launch(sumSquares, { x: difference, partials }, { size: y.size, partialOffset: 0 });
    device.launch(rootSum, { x: partials, y: norm }, { size: partials.size });
  };
  const step = () => {
    using tape = new Tape(device);
    const y = adaptedLinear(tape, x, weight, undefined, [site]);
    measureError(y);
    const loss = tape.record(tape.activation([1], "loss"), [y], () => {
      const into = tape.contribute(y)!.tensor;
      copy(difference, into, 2 / y.size, false);
    });
    tape.backward(loss);
    optimizer.step(tape);
    device.submit();
  };
  const check = async () => (await device.read(norm))[0].data[0] ** 2 / target.size;
  return { name: "lora_linear", step, wait: () => settle(norm), check };
}
