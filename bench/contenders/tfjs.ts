/** TensorFlow.js: `tfjs.ts wasm|webgpu WORKLOAD`, with its own Adam. @module */

import { fileURLToPath } from "node:url";
import { type Case, type Opened, serve } from "../protocol.ts";
import { extents, layouts, learningRate, values, type Workload } from "../workloads.ts";
import { type PeerTask, taskOf } from "./peer_cases.ts";
import type { Operations } from "./peer_models.ts";

// A name that is put together is not downloaded by `deno check`, nor written into the lock.
const version = "4.22.0";
// The whole package: its core alone registers no gradients under Deno.
const tf = await import(`npm:@tensorflow/tfjs@${version}`);

/** The members of its tensors that we use. */
interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

const operations: Operations<TfTensor> = {
  product: (a, b, transposeA = false, transposeB = false) =>
    tf.matMul(a, b, transposeA, transposeB),
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  scale: tf.mul,
  shift: tf.add,
  meanLast: (a) => tf.mean(a, -1, true),
  mean: (a) => tf.mean(a),
  rsqrt: tf.rsqrt,
  tanh: tf.tanh,
  softmax: (a) => tf.softmax(a),
  logSoftmax: (a) => tf.logSoftmax(a),
  reshape: tf.reshape,
  permute: tf.transpose,
  thirds: (a) => tf.split(a, 3, 1),
};

function put(data: Float32Array, shape: readonly number[]): TfTensor {
  return tf.tensor(data, [...shape]);
}

async function open(variant: string): Promise<Opened> {
  const name = `npm:@tensorflow/tfjs-backend-${variant}@${version}`, backend = await import(name);
  // Under Deno it looks for its .wasm beside this program.
  if (variant === "wasm") {
    backend.setWasmPaths(fileURLToPath(new URL(".", import.meta.resolve(name))));
  }
  if (!await tf.setBackend(variant)) throw new Error(`TensorFlow.js finds no ${variant} here`);
  await tf.ready();
  const threads = variant === "wasm" ? `, ${backend.getThreadsCount()} thread` : "";
  const cases = (workload: Workload) =>
    workload === "matmul" ? products() : [training(taskOf(workload, put))];
  return { device: `tfjs ${variant}${threads}`, cases };
}

function products(): Case[] {
  return extents.flatMap((n) => layouts.map((layout) => product(n, layout)));
}

function product(n: number, layout: typeof layouts[number]): Case {
  const [a, b] = [1, 2].map((seed) => put(values(seed, n * n), [n, n]));
  let last: TfTensor | undefined;
  const step = () => {
    last?.dispose();
    last = tf.matMul(a, b, layout[0] === "T", layout[1] === "T");
  };
  const check = async () => {
    const data = await last!.data();
    return data.reduce((sum, value) => sum + Math.abs(value), 0) / data.length;
  };
  return { name: `matmul ${n} ${layout}`, step, wait: () => settle(last!), check };
}

/** Reading one value waits for the queue without carrying a whole matrix home. */
async function settle(tensor: TfTensor): Promise<void> {
  const one = tf.slice(tf.reshape(tensor, [-1]), [0], [1]);
  await one.data();
  one.dispose();
}

function training({ name, trained, frozen, loss }: PeerTask<TfTensor>): Case {
  const variables = Object.fromEntries(
    Object.entries(trained).map(([name, value]) => [name, tf.variable(value, true, name)]),
  );
  const optimizer = tf.train.adam(learningRate, 0.9, 0.999, 1e-8);
  let last: TfTensor | undefined;
  const step = () => {
    last?.dispose();
    last = optimizer.minimize(() => loss(operations, variables, frozen), true);
  };
  const [moved] = Object.values(variables);
  // A weight too: the loss alone is ready before the update.
  const wait = async () => {
    await Promise.all([last!.data(), settle(moved)]);
  };
  return { name, step, wait, check: async () => (await last!.data())[0] };
}

await serve(open);
