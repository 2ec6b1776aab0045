/** The random matrix P of a subspace, layer by layer: products with P and its transpose, without its entries. @module */

import { dotColumns, scaleColumns } from "../../../kernels/column_scaling/kernel.ts";
import { fill, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import { Random } from "../../core/random.ts";
import type { HostData } from "../../core/tensor.ts";
import { Arena } from "../../device/arena.ts";
import { zero } from "../../device/base.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { piecesOf, rowPiecesOf } from "../../device/spans.ts";

/** The numbers on which the entries of P depend. */
export interface ProjectionFacts {
  /** d, the columns of P. */
  readonly dimension: number;
  /** Seed of its random values. */
  readonly seed: number;
  /** D, the rows of P: the weights of all layers. */
  readonly rows: number;
}

/** Extents of the blocks of P: n = p · q rows each, at least d, so that H_n = H_p ⊗ H_q takes two small products. */
interface BlockExtents {
  readonly n: number;
  readonly p: number;
  readonly q: number;
}

function blockExtents(dimension: number): BlockExtents {
  const bits = Math.ceil(Math.log2(dimension)), p = 2 ** Math.floor(bits / 2);
  return { n: 2 ** bits, p, q: 2 ** bits / p };
}

/** s = 1 / √(n D): a column of P has the expected length 1. */
const scaleOf = ({ dimension, rows }: ProjectionFacts): number =>
  1 / Math.sqrt(blockExtents(dimension).n * rows);

/** Number of blocks of a layer. */
const blocksOf = (dimension: number, size: number): number =>
  Math.ceil(size / blockExtents(dimension).n);

/** The random values of a layer's blocks: signs B, (blocks, p, q), then normal values G, (q, blocks, p). */
function drawBlocks({ dimension, seed }: ProjectionFacts, layer: number, size: number) {
  const random = new Random(seed).split(layer);
  const length = blocksOf(dimension, size) * blockExtents(dimension).n;
  const signs = Float32Array.from({ length }, () => random.bits() >>> 31 ? -1 : 1);
  return { signs, normals: Float32Array.from({ length }, () => random.normal()) };
}

/** 1 for a number with an odd number of bits. */
function parity(bits: number): number {
  let odd = 0;
  for (let rest = bits; rest > 0; rest >>>= 1) odd ^= rest & 1;
  return odd;
}

/**
 * The rows of P of one layer: blocks of s H G H B, the third projection of Li et al. (2018), which is Fastfood (Le et al.
 * 2013), with random signs B and normal values G on diagonals. Of the n values that a block takes, those beyond z are
 * zero.
 *
 * Fastfood's permutation Π between G and the second H is left out. The values of G are independent, so that G Π = Π G′ with
 * a G′ of the same distribution, and PᵀP and PPᵀ have the distribution that they have with Π; a test compares the
 * singular values of both.
 */
export class Projection {
  readonly #signs: Tensor;
  readonly #products: Tensor;
  readonly #shared: SharedFactors;
  readonly #extents: BlockExtents & { readonly blocks: number };

  /** Takes tensors of the shared factors. */
  constructor(shared: SharedFactors, layer: number) {
    this.#shared = shared;
    [this.#signs, this.#products] = shared.tensorsOf(layer);
    this.#extents = { ...blockExtents(shared.facts.dimension), blocks: this.#signs.shape[0] };
  }

  /** W = (accumulate ? W : 0) + P z. */
  writeTo(W: Tensor, z: Tensor, accumulate: 0 | 1): void {
    const { device } = W, { n, p, q, blocks } = this.#extents, { H, ones } = this.#shared;
    using padded = device.allocate([n], "f32", "scratch", "z");
    using a = device.allocate([blocks, n], "f32", "scratch", "blocks of P z");
    using b = device.allocate([blocks, n], "f32", "scratch", "blocks of P z");
    copyStart(z, padded, 0);
    for (const [x, y] of rowPieces(this.#signs, a)) {
      const tensors = { x, factors: padded, divisors: ones, y };
      device.launch(scaleColumns, tensors, { rows: x.shape[0], width: n, accumulate: 0 });
    }
    const stride = blocks * p,
      options = { m: q, n: stride, k: q },
      alpha = scaleOf(this.#shared.facts);
    multiply(matrix(H), { tensor: a, stride: q }, { tensor: b, stride }, {
      ...options,
      transposeB: true,
    });
    this.#mix(b, a);
    multiply(matrix(H), { tensor: a, stride }, { tensor: b, stride }, { ...options, alpha });
    copyStart(b, W, accumulate);
  }

  /** dz = (accumulate ? dz : 0) + Pᵀ dW. */
  addGradient(dW: Tensor, dz: Tensor, accumulate: 0 | 1): void {
    const { device } = dW, { n, p, q, blocks } = this.#extents, { H, ones } = this.#shared;
    using sums = device.allocate([n], "f32", "scratch", "gradient of z");
    using a = device.allocate([blocks, n], "f32", "scratch", "blocks of the gradient");
    using b = device.allocate([blocks, n], "f32", "scratch", "blocks of the gradient");
    copyStart(dW, a, 0);
    const stride = blocks * p, alpha = scaleOf(this.#shared.facts);
    multiply(matrix(H), { tensor: a, stride }, { tensor: b, stride }, { m: q, n: stride, k: q });
    this.#mix(b, a);
    const turned = { m: stride, n: q, k: q, transposeA: true, alpha };
    multiply({ tensor: a, stride }, matrix(H), { tensor: b, stride: q }, turned);
    rowPieces(this.#signs, b).forEach(([x, y], i) => {
      const tensors = { a: x, b: y, divisors: ones, y: sums };
      device.launch(dotColumns, tensors, {
        rows: x.shape[0],
        width: n,
        accumulate: Math.min(i, 1),
      });
    });
    copyStart(sums, dz, accumulate);
  }

  /** y = x H_p G H_p, row by row of p values; x is overwritten. */
  #mix(x: Tensor, y: Tensor): void {
    const { p, q, blocks } = this.#extents, options = { m: q * blocks, n: p, k: p };
    const [from, to, H] = [x, y, this.#shared.H].map((tensor, i) => ({
      tensor,
      stride: i < 2 ? p : q,
    }));
    multiply(from, H, to, options);
    for (const { start, size } of piecesOf(y)) {
      const parts = { x: y, factors: this.#products, divisors: this.#signs, y: x };
      const pieces = Object.entries(parts).map((
        [name, tensor],
      ) => [name, flat(tensor, start, size)]);
      x.device.launch(scaleColumns, Object.fromEntries(pieces), {
        rows: 1,
        width: size,
        accumulate: 0,
      });
    }
    multiply(from, H, to, options);
  }
}

const flat = (tensor: Tensor, start: number, size: number): Tensor => tensor.view([size], start);

/** Copies or adds as many values as both tensors have; where it copies, the others become zero. */
function copyStart(x: Tensor, y: Tensor, accumulate: 0 | 1): void {
  if (x.size < y.size && !accumulate) zero(y);
  for (const { start, size } of piecesOf(flat(y, 0, Math.min(x.size, y.size)))) {
    const [from, to] = [x, y].map((tensor) => flat(tensor, start, size));
    const scalars = { size, xOffset: 0, yOffset: 0, alpha: 1, accumulate };
    x.device.launch(scaleAdd, { x: from, y: to }, scalars);
  }
}

/** The same rows of two matrices, as many as a kernel may bind. */
const rowPieces = (one: Tensor, other: Tensor): [Tensor, Tensor][] =>
  rowPiecesOf(one).map(({ start, count }) => {
    const [, width] = one.shape;
    const part = (tensor: Tensor) => tensor.view([count, width], start * width);
    return [part(one), part(other)];
  });

/**
 * The factors of P on a device: signs and normal values of every layer, 8 bytes for each row of P, and Hadamard's matrix.
 * The dry device gets none of their values.
 */
export class SharedFactors implements Disposable {
  /** The numbers on which the entries depend. */
  readonly facts: ProjectionFacts;
  /** H_q, whose first p rows and columns are H_p. */
  readonly H: Tensor;
  /** n divisors of kernels that scale by quotients. */
  readonly ones: Tensor;
  readonly #arena: Arena;

  /** Allocates and writes them, for layers of these numbers of weights. */
  constructor(device: Device, facts: ProjectionFacts, sizes: readonly number[]) {
    const { n, q } = blockExtents(facts.dimension);
    const ofLayers = sizes.flatMap((size, layer) => {
      const shape = [blocksOf(facts.dimension, size), n];
      return ["signs", "products"].map((name) => ({ name: `${name} ${layer}`, shape }));
    });
    const entries = [{ name: "H", shape: [q, q] }, { name: "ones", shape: [n] }, ...ofLayers];
    this.facts = facts;
    this.#arena = new Arena(device, entries, "weight", "random subspace");
    [this.H, this.ones] = ["H", "ones"].map((name) => this.#arena.view(name));
    if (device.kind !== "dry") this.#write(device, sizes);
  }

  /** B and G B of a layer, (blocks, n) each: a kernel divides by B, and G is left. */
  tensorsOf(layer: number): [signs: Tensor, products: Tensor] {
    return [this.#arena.view(`signs ${layer}`), this.#arena.view(`products ${layer}`)];
  }

  #write(device: Device, sizes: readonly number[]): void {
    const [q] = this.H.shape, entry = (at: number) => parity(Math.floor(at / q) & at % q);
    device.write(this.H, Float32Array.from({ length: q * q }, (_, at) => 1 - 2 * entry(at)));
    device.launch(fill, { y: this.ones }, { size: this.ones.size, value: 1 });
    sizes.forEach((size, layer) => {
      const { signs, normals } = drawBlocks(this.facts, layer, size);
      const [ofSigns, ofProducts] = this.tensorsOf(layer);
      device.write(ofSigns, signs);
      device.write(ofProducts, normals.map((value, i) => value * signs[i]));
    });
  }

  /** Frees them. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** P z of one layer, for files: by fast Walsh-Hadamard transforms in float64. */
export function projectedOnHost(
  facts: ProjectionFacts,
  layer: number,
  size: number,
  z: HostData,
): Float64Array {
  const { n, p, q } = blockExtents(facts.dimension), blocks = blocksOf(facts.dimension, size);
  const { signs, normals } = drawBlocks(facts, layer, size);
  const out = new Float64Array(blocks * n), s = scaleOf(facts);
  for (let b = 0; b < blocks; b++) {
    // Value t = i q + j of block b is at (j, b, i) of what the device computes.
    const place = (t: number) => ((t % q) * blocks + b) * p + Math.floor(t / q);
    const values = Float64Array.from({ length: n }, (_, t) => (z[t] ?? 0) * signs[b * n + t]);
    hadamard(values);
    values.forEach((_, t) => values[t] *= normals[place(t)]);
    hadamard(values);
    values.forEach((value, t) => out[place(t)] = s * value);
  }
  return out.subarray(0, size);
}

/** x ← H x, in place. */
function hadamard(x: Float64Array): void {
  for (let half = 1; half < x.length; half *= 2) {
    for (let at = 0; at < x.length; at++) {
      if (at & half) continue;
      const [one, other] = [x[at], x[at + half]];
      [x[at], x[at + half]] = [one + other, one - other];
    }
  }
}
