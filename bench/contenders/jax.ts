/** jax-js: `jax.ts wasm|webgpu WORKLOAD`. Every step is one `jit`, Adam included. @module */

import { type Case, type Opened, serve } from "../protocol.ts";
import { extents, layouts, learningRate, values, type Workload } from "../workloads.ts";
import { type PeerTask, taskOf } from "./peer_cases.ts";
import type { Operations, Weights } from "./peer_models.ts";

// A name that is put together is not downloaded by `deno check`, nor written into the lock.
const jax = await import(`npm:${"@jax-js/jax@0.1.25"}`), np = jax.numpy;

/** Its arrays are counted: a function takes ownership of what it is given, `.ref` keeps it. */
interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  dispose(): void;
  blockUntilReady(): Promise<JaxArray>;
  data(): Promise<Float32Array>;
}

const turned = (x: JaxArray) => np.matrixTranspose(x);

const operations: Operations<JaxArray> = {
  product: (a, b, transposeA, transposeB) =>
    np.matmul(transposeA ? turned(a.ref) : a.ref, transposeB ? turned(b.ref) : b.ref),
  add: (a, b) => np.add(a.ref, b.ref),
  sub: (a, b) => np.subtract(a.ref, b.ref),
  mul: (a, b) => np.multiply(a.ref, b.ref),
  scale: (a, factor) => np.multiply(a.ref, factor),
  shift: (a, term) => np.add(a.ref, term),
  meanLast: (a) => np.mean(a.ref, -1, { keepdims: true }),
  mean: (a) => np.mean(a.ref),
  rsqrt: (a) => np.reciprocal(np.sqrt(a.ref)),
  tanh: (a) => np.tanh(a.ref),
  softmax: (a) => jax.nn.softmax(a.ref, -1),
  logSoftmax: (a) => jax.nn.logSoftmax(a.ref, -1),
  reshape: (a, shape) => np.reshape(a.ref, shape),
  permute: (a, order) => np.transpose(a.ref, order),
  thirds: (a) => np.split(a.ref, 3, 1),
};

function put(data: Float32Array, shape: readonly number[]): JaxArray {
  return np.array(data).reshape([...shape]);
}

async function open(variant: string): Promise<Opened> {
  const found = await jax.init(variant);
  if (!found.includes(variant)) throw new Error(`jax-js finds no ${variant} here`);
  jax.defaultDevice(variant);
  const cases = (workload: Workload) =>
    workload === "matmul" ? products() : [training(taskOf(workload, put))];
  return { device: `jax-js ${variant}`, cases };
}

function products(): Case[] {
  return extents.flatMap((n) => layouts.map((layout) => product(n, layout)));
}

function product(n: number, layout: typeof layouts[number]): Case {
  const [a, b] = [1, 2].map((seed) => put(values(seed, n * n), [n, n]));
  const run = jax.jit((a: JaxArray, b: JaxArray) =>
    np.matmul(layout[0] === "T" ? turned(a) : a, layout[1] === "T" ? turned(b) : b)
  );
  // An array that is disposed before it is needed is never computed: all are kept until waited for.
  const pending: JaxArray[] = [];
  let last: JaxArray | undefined;
  const wait = async () => {
    await jax.blockUntilReady(pending);
    last?.dispose();
    last = pending.pop();
    pending.splice(0).forEach((array) => array.dispose());
  };
  const check = async () => {
    const data = await last!.ref.data();
    return data.reduce((sum, value) => sum + Math.abs(value), 0) / data.length;
  };
  return {
    name: `matmul ${n} ${layout}`,
    step: () => void pending.push(run(a.ref, b.ref)),
    wait,
    check,
  };
}

interface State {
  readonly weights: Weights<JaxArray>;
  readonly first: Weights<JaxArray>;
  readonly second: Weights<JaxArray>;
  /** β₁ᵗ and β₂ᵗ, arrays so that a step compiles once. */
  readonly powers: JaxArray[];
}

/** Adam (Kingma and Ba 2015) on one tensor. */
function adam(w: JaxArray, g: JaxArray, m: JaxArray, v: JaxArray, [p1, p2]: JaxArray[]) {
  const o = operations, first = o.add(o.scale(m, 0.9), o.scale(g, 0.1));
  const second = o.add(o.scale(v, 0.999), o.scale(o.mul(g, g), 0.001));
  const mean = np.trueDivide(first.ref, np.subtract(1, p1.ref));
  const root = np.sqrt(np.trueDivide(second.ref, np.subtract(1, p2.ref)));
  const update = np.trueDivide(mean, np.add(root, 1e-8));
  return { first, second, weight: o.sub(w, o.scale(update, learningRate)) };
}

function stepOf(task: PeerTask<JaxArray>) {
  const loss = (w: Weights<JaxArray>, frozen: Weights<JaxArray>) =>
    task.loss(operations, w, frozen);
  return jax.jit((state: State, frozen: Weights<JaxArray>) => {
    const [value, gradients] = jax.valueAndGrad(loss)(jax.tree.ref(state.weights), frozen);
    const powers = state.powers.map((p, i) => np.multiply(p.ref, [0.9, 0.999][i]));
    const next = { weights: {}, first: {}, second: {}, powers } as State;
    for (const [name, w] of Object.entries(state.weights)) {
      const { first, second } = state;
      const moved = adam(w, gradients[name], first[name], second[name], powers);
      Object.assign(next.weights, { [name]: moved.weight });
      Object.assign(next.first, { [name]: moved.first });
      Object.assign(next.second, { [name]: moved.second });
    }
    return [value, next];
  });
}

function training(task: PeerTask<JaxArray>): Case {
  const run = stepOf(task),
    zeros = () =>
      Object.fromEntries(
        Object.entries(task.trained).map(([name, w]) => [name, np.zeros([...w.shape])]),
      );
  let loss: JaxArray | undefined;
  let state: State = {
    ...{ weights: task.trained, first: zeros(), second: zeros() },
    powers: [np.array([1]), np.array([1])],
  };
  const step = () => {
    loss?.dispose();
    // The old state is given away, so that its memory can be used again.
    [loss, state] = run(state, jax.tree.ref(task.frozen));
  };
  // The weights too: the loss alone does not need the last update.
  const wait = async () => void await jax.blockUntilReady([loss, state]);
  return { name: task.name, step, wait, check: async () => (await loss!.ref.data())[0] };
}

await serve(open);
