/** The models of the peers that bring none, in the few operations that all of them have. @module */

import { type GptSize, layer } from "../workloads.ts";

/** A peer's operations; `T` is its tensor. Operands stay alive: a peer that counts owners adds one. */
export interface Operations<T> {
  product(a: T, b: T, transposeA?: boolean, transposeB?: boolean): T;
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  scale(a: T, factor: number): T;
  shift(a: T, term: number): T;
  /** Mean over the last axis, which stays. */
  meanLast(a: T): T;
  mean(a: T): T;
  rsqrt(a: T): T;
  tanh(a: T): T;
  softmax(a: T): T;
  logSoftmax(a: T): T;
  reshape(a: T, shape: number[]): T;
  permute(a: T, order: number[]): T;
  /** Three equal parts of the last axis of a matrix. */
  thirds(a: T): T[];
}

/** Tensors by name. */
export type Weights<T> = Record<string, T>;

/** Inputs of a GPT's loss besides its weights. */
export interface GptBatch<T> {
  /** (tokens, vocabulary), a one at each token: peers have no embedding gradient on every backend. */
  readonly inputs: T;
  readonly targets: T;
  /** (time, time): 0 where a key may be seen, -1e9 where not. */
  readonly mask: T;
}

function normalize<T>(o: Operations<T>, x: T, w: Weights<T>, name: string): T {
  const centered = o.sub(x, o.meanLast(x));
  const scale = o.rsqrt(o.shift(o.meanLast(o.mul(centered, centered)), 1e-5));
  return o.add(o.mul(o.mul(centered, scale), w[`${name}.weight`]), w[`${name}.bias`]);
}

function linear<T>(o: Operations<T>, x: T, w: Weights<T>, name: string): T {
  const y = o.product(x, w[`${name}.weight`], false, true);
  return o.add(y, w[`${name}.bias`]);
}

function lowRank<T>(o: Operations<T>, x: T, A: T, B: T): T {
  return o.scale(o.product(o.product(x, A, false, true), B, false, true), layer.scaling);
}

function gelu<T>(o: Operations<T>, x: T): T {
  const cubic = o.add(x, o.scale(o.mul(o.mul(x, x), x), 0.044715));
  return o.mul(o.scale(x, 0.5), o.shift(o.tanh(o.scale(cubic, Math.sqrt(2 / Math.PI))), 1));
}

function attention<T>(o: Operations<T>, qkv: T, mask: T, size: GptSize): T {
  const { batch, time, heads, width } = size, headWidth = width / heads;
  const [q, k, v] = o.thirds(qkv).map((part) =>
    o.permute(o.reshape(part, [batch, time, heads, headWidth]), [0, 2, 1, 3])
  );
  const scores = o.scale(o.product(q, k, false, true), headWidth ** -0.5);
  const mixed = o.product(o.softmax(o.add(scores, mask)), v);
  return o.reshape(o.permute(mixed, [0, 2, 1, 3]), [batch * time, width]);
}

function block<T>(o: Operations<T>, x: T, w: Weights<T>, name: string, mask: T, size: GptSize): T {
  const normed = normalize(o, x, w, `${name}.ln_1`);
  let qkv = linear(o, normed, w, `${name}.attn.c_attn`);
  if (`${name}.A` in w) qkv = o.add(qkv, lowRank(o, normed, w[`${name}.A`], w[`${name}.B`]));
  const mixed = attention(o, qkv, mask, size);
  const y = o.add(x, linear(o, mixed, w, `${name}.attn.c_proj`));
  const up = linear(o, normalize(o, y, w, `${name}.ln_2`), w, `${name}.mlp.c_fc`);
  return o.add(y, linear(o, gelu(o, up), w, `${name}.mlp.c_proj`));
}

function embed<T>(o: Operations<T>, w: Weights<T>, inputs: T, size: GptSize): T {
  const { batch, time, width } = size;
  const tokens = o.reshape(o.product(inputs, w["wte.weight"]), [batch, time, width]);
  return o.reshape(o.add(tokens, w["wpe.weight"]), [batch * time, width]);
}

/** Mean cross-entropy of a GPT-2, with low-rank updates of `c_attn` where `w` has them. */
export function gptLoss<T>(o: Operations<T>, w: Weights<T>, batch: GptBatch<T>, size: GptSize): T {
  let x = embed(o, w, batch.inputs, size);
  for (let i = 0; i < size.layers; i++) x = block(o, x, w, `h.${i}`, batch.mask, size);
  const logits = o.product(normalize(o, x, w, "ln_f"), w["wte.weight"], false, true);
  return o.scale(o.mean(o.mul(o.logSoftmax(logits), batch.targets)), -size.vocabulary);
}

/** Mean squared error of the adapted layer. */
export function layerLoss<T>(o: Operations<T>, w: Weights<T>): T {
  const y = o.add(o.product(w.x, w.W, false, true), lowRank(o, w.x, w.A, w.B));
  const difference = o.sub(y, w.target);
  return o.mean(o.mul(difference, difference));
}

/** Rows with a single one. */
export function oneHot(ids: Uint32Array, vocabulary: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(ids.length * vocabulary);
  ids.forEach((id, row) => rows[row * vocabulary + id] = 1);
  return rows;
}

/** The causal mask. */
export function causalMask(time: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: time * time },
    (_, i) => i % time > Math.floor(i / time) ? -1e9 : 0,
  );
}
