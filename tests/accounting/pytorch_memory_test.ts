import { assert, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { catalog, type ConfigJson } from "../../src/architectures/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { Gpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { predictMemory } from "../../src/runs/mod.ts";
import goldenFile from "../golden/step_memory.json" with { type: "json" };
import tiny from "../../models/tiny-gpt2/config.json" with { type: "json" };

/** A step of transformers' GPT-2, with PEFT's adapter: see scripts/golden/step_memory.py. */
interface Row {
  readonly model: string;
  readonly batch: number;
  readonly length: number;
  readonly method: string;
  readonly implementation: string;
  readonly saved: number;
  readonly peak: number;
}

const { rank, rows } = goldenFile as { rank: number; rows: Row[] };

const configs: Record<string, ConfigJson> = { "tiny-gpt2": tiny, gpt2: catalog.gpt2.config };

/** Whole weights, as PEFT adapts them. */
const targets: Record<string, string[] | "all-linear"> = { c_attn: ["c_attn"], all: "all-linear" };

const adapting = ({ method }: Row) => (model: Gpt2) => {
  const targetModules = targets[method];
  return targetModules && injectLora(model, { rank, alpha: rank, targetModules, seed: 1 });
};

/** Bytes of activations when the backward pass begins, as a trainer leaves them. */
function keptBytes(row: Row): number {
  using device = new DryDevice();
  using model = Gpt2.allocate(device, parseGpt2Config(configs[row.model]));
  using _adapter = adapting(row)(model);
  using tape = new Tape(device);
  const shape = [row.batch, row.length], size = row.batch * row.length;
  const logits = model.forward(tape, { tokens: { shape, data: new Uint32Array(size) } });
  const loss = crossEntropy(tape, logits, new Int32Array(size));
  tape.release(logits);
  assertEquals(loss.bytes, 4);
  return device.ledger.read().byRole.activation;
}

/** Bytes of what is not a value of the model: indices, labels, and how many of those count. */
function besides({ model, batch, length, method }: Row) {
  const { n_positions, vocab_size } = parseGpt2Config(configs[model]), tokens = batch * length;
  const isFull = method === "full";
  // Tokens, positions and labels of 4 bytes, one statistic of each token's logits, and the loss;
  // if embeddings are trained, where the gradients of each of their rows are.
  const ours = 4 * (4 * tokens + 1) +
    (isFull ? 4 * (2 * tokens + vocab_size + n_positions + 2) : 0);
  // Labels of 8 bytes and the number of them; if embeddings are trained, the positions of one row. The
  // labels of one sequence are a view of it with one more at its end.
  const labels = tokens + (batch === 1 ? 1 : 0);
  const theirs = 8 * labels + 4 + (isFull ? 8 * length : 0);
  return { ours, theirs };
}

/** Bytes of what PyTorch saves and we compute once more: results of norms that have a backward pass. */
function normalizedBytes({ model, batch, length, method }: Row): number {
  const { n_layer, n_embd } = parseGpt2Config(configs[model]);
  const norms = { full: 2 * n_layer + 1, all: 2 * n_layer - 1, c_attn: n_layer - 1 }[method]!;
  return 4 * batch * length * n_embd * norms;
}

const nameOf = ({ model, batch, length, method }: Row) =>
  `${model}, ${batch} x ${length}, ${method}`;

for (const row of rows.filter(({ implementation }) => implementation === "fused")) {
  Deno.test(`${nameOf(row)}: we save for backward what PyTorch saves but norms' results, to the byte`, () => {
    const { ours, theirs } = besides(row);
    assertEquals(keptBytes(row) - ours, row.saved - theirs - normalizedBytes(row));
  });

  Deno.test(`${nameOf(row)}: a step's activations peak below PyTorch's, which copies gradients`, () => {
    const { model, batch, length } = row;
    const adapt = (model: unknown) => void adapting(row)(model as Gpt2);
    const { peakByRole } = predictMemory(configs[model], { batch, length, adapt });
    const { activation, scratch } = peakByRole;
    assert(activation + scratch <= row.peak, `${activation} + ${scratch} against ${row.peak}`);
  });
}

Deno.test("attention and GELU that are written out save more than either", () => {
  for (const [eager, sdpa, fused] of Map.groupBy(rows, nameOf).values()) {
    assertEquals([eager, sdpa, fused].map(({ implementation }) => implementation), [
      "eager",
      "sdpa",
      "fused",
    ]);
    assert(eager.saved > sdpa.saved && sdpa.saved > fused.saved);
  }
});
