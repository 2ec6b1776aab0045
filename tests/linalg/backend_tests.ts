/** Tests of every backend: golden values of mpmath, and properties of any matrix. @module */

import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { Random } from "../../src/core/random.ts";
import type { Backend } from "../../src/linalg/backend.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  identity,
  transposed,
  zeros,
} from "../../src/linalg/matrix.ts";
import { assertAllClose } from "../support/all_close.ts";
import { goldenJson } from "../support/golden.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";
import { fromRows } from "../support/matrices.ts";

/** Defines the tests of a backend; `ignore` where the machine lacks it. */
export function testBackend(name: string, ignore: boolean, backend: () => Backend): void {
  const test = (what: string, fn: (backend: Backend) => void | Promise<void>) =>
    Deno.test({ name: `${name}: ${what}`, ignore, fn: () => fn(backend()) });

  test("singular values are mpmath's to 1e-13 of the largest, or 1e-12 each", goldenValues);
  test("eigenvalues are mpmath's to 1e-13 of the largest", goldenEigenvalues);
  test("A = Σ σ u vᵀ with orthonormal vectors, whatever the shape and rank", svdOfAny);
  test("A = L Q with L a triangle and Q orthonormal", lqOfAny);
  test("A = Σ λ x xᵀ of a symmetric matrix", eigenOfAny);
  test("products are sums of products", products);
  test("transposing swaps the sides, orthogonal factors change no value", invariance);
  test("large matrices: 300 x 200 of known singular values", largeKnown);
  test("wide matrices: values and rows of A = L Q, whatever the condition", wideOfAnyCondition);
}

async function goldenValues(backend: Backend): Promise<void> {
  for (const { name, matrix, values, each } of (await goldenJson("linalg.json")).singularValues) {
    const a = fromRows(matrix);
    for (const found of [backend.singularValues(a), backend.svd(a).values]) {
      const absolute = 1e-13 * values[0];
      assertAllClose(found, values, { relative: 0, absolute, what: name });
      if (each) assertAllClose(found, values, { relative: 1e-12, absolute: 0, what: name });
    }
  }
}

async function goldenEigenvalues(backend: Backend): Promise<void> {
  for (const { name, matrix, values } of (await goldenJson("linalg.json")).symmetric) {
    const absolute = 1e-13 * Math.max(...values.map(Math.abs));
    const found = backend.symmetricEigen(fromRows(matrix));
    assertAllClose(found.values, values, { relative: 0, absolute, what: name });
  }
}

/** Matrices of any shape, of full or lower rank, some with rows of zeros, at any scale. */
const anyMatrix: fc.Arbitrary<DenseMatrix> = fc.record({
  rows: fc.integer({ min: 1, max: 24 }),
  columns: fc.integer({ min: 1, max: 24 }),
  rank: fc.integer({ min: 0, max: 24 }),
  exponent: fc.integer({ min: -160, max: 150 }),
  seed: fc.nat(),
}).map(({ rows, columns, rank, exponent, seed }) => {
  const random = new Random(seed);
  const scale = 10 ** exponent, out = zeros(rows, columns);
  const left = gaussian(rows, rank, random), right = gaussian(rank, columns, random);
  for (let i = 0; i < rows; i++) {
    if (random.uniform() < 0.1) continue; // a row of zeros
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let p = 0; p < rank; p++) sum += left.data[i * rank + p] * right.data[p * columns + j];
      out.data[i * columns + j] = sum * scale;
    }
  }
  return out;
});

function svdOfAny(backend: Backend): void {
  fc.assert(fc.property(anyMatrix, (a) => {
    const { left, values, right } = backend.svd(a);
    assertOrthonormalRows(left);
    assertOrthonormalRows(right);
    assertEquals([...values], [...values].sort((x, y) => y - x));
    assertSame(product(timesDiagonal(transposed(left), values), right), a);
  }));
}

function lqOfAny(backend: Backend): void {
  fc.assert(fc.property(anyMatrix, (a) => {
    const { L, Q } = backend.lq(a);
    assertEquals([L.rows, Q.columns], [a.rows, a.columns]);
    assertEquals(L.columns, Math.min(a.rows, a.columns));
    assertOrthonormalRows(Q);
    assertEquals(
      L.data.filter((_, at) => at % L.columns > Math.floor(at / L.columns)).some(Boolean),
      false,
    );
    assertSame(product(L, Q), a);
    assertSame(backend.lowerTriangle(a), L);
    assertEquals(backend.upperTriangle(transposed(a)), transposed(backend.lowerTriangle(a)));
    const narrow = { ...a, data: Float32Array.from(a.data) };
    const widened = { ...a, data: Float64Array.from(narrow.data) };
    if (!widened.data.every(Number.isFinite)) return;
    assertEquals(backend.lowerTriangle(narrow), backend.lowerTriangle(widened));
    assertEquals(backend.upperTriangle(narrow), backend.upperTriangle(widened));
  }));
}

function eigenOfAny(backend: Backend): void {
  fc.assert(fc.property(anyMatrix, (some) => {
    const a = symmetricPart(some);
    const { values, vectors } = backend.symmetricEigen(a);
    assertOrthonormalRows(vectors);
    assertEquals([...values], [...values].sort((x, y) => y - x));
    assertSame(product(timesDiagonal(transposed(vectors), values), vectors), a);
  }));
}

/** M + Mᵀ of the largest square in the corner: eigenvalues of both signs. */
function symmetricPart({ rows, columns, data }: DenseMatrix): DenseMatrix {
  const size = Math.min(rows, columns), out = zeros(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      out.data[i * size + j] = data[i * columns + j] + data[j * columns + i];
    }
  }
  return out;
}

function products(backend: Backend): void {
  const random = new Random(3);
  for (const [m, k, n] of [[1, 1, 1], [3, 5, 2], [7, 64, 9], [33, 17, 15], [4, 0, 3]]) {
    const a = gaussian(m, k, random), b = gaussian(k, n, random), expected = product(a, b);
    assertSame(backend.multiply(a, b), expected);
    assertSame(backend.multiplyTransposed(a, transposed(b)), expected);
  }
}

function invariance(backend: Backend): void {
  const random = new Random(5), a = gaussian(12, 20, random);
  const values = backend.singularValues(a), close = { relative: 0, absolute: 1e-13 * values[0] };
  assertAllClose(backend.singularValues(transposed(a)), values, close);
  const left = backend.lq(gaussian(12, 12, random)).Q,
    right = backend.lq(gaussian(20, 20, random)).Q;
  assertAllClose(backend.singularValues(product(product(left, a), right)), values, close);
  const { left: u, right: v } = backend.svd(a), swapped = backend.svd(transposed(a));
  assertEquals([swapped.left.rows, swapped.right.rows], [v.rows, u.rows]);
}

/** Above the size from which our own starts from eigenvectors. */
function largeKnown(backend: Backend): void {
  const random = new Random(6), planted = Float64Array.from({ length: 200 }, (_, i) => 0.966 ** i);
  const left = backend.lq(gaussian(200, 300, random)).Q,
    right = backend.lq(gaussian(200, 200, random)).Q;
  const a = backend.multiply(timesDiagonal(transposed(left), planted), right);
  const { left: u, values, right: v } = backend.svd(a);
  assertAllClose(values, planted, { relative: 1e-12, absolute: 0 });
  assertAllClose(backend.singularValues(a), planted, { relative: 1e-12, absolute: 0 });
  assertOrthonormalRows(u);
  assertOrthonormalRows(v);
  assertSame(backend.multiply(timesDiagonal(transposed(u), values), v), a);
}

/** Conditions that the square of a matrix in float64 keeps, nearly loses and loses, at scales whose squares overflow too. */
function wideOfAnyCondition(backend: Backend): void {
  const random = new Random(7), size = 24, width = 8 * size;
  const left = backend.lq(gaussian(size, size, random)).Q;
  const right = backend.lq(gaussian(size, width, random)).Q;
  for (const condition of [1, 1e3, 1e6, 1e7, 3e7, 1e8, 2e8, 3e8, 1e9, 1e12, 1e17, Infinity]) {
    const planted = Float64Array.from({ length: size }, (_, i) => condition ** (-i / (size - 1)));
    if (condition === Infinity) planted.fill(0, size / 2).fill(1, 0, size / 2);
    for (const scale of [1, 1e-170, 1e160]) {
      const diagonal = planted.map((value) => scale * value);
      const a = product(timesDiagonal(left, diagonal), right);
      const { L, Q } = backend.lq(a);
      assertOrthonormalRows(Q);
      assertSame(product(L, Q), a);
      const each = { relative: 0, absolute: 1e-13 * scale, what: `condition ${condition}` };
      assertAllClose(backend.singularValues(L), diagonal, each);
      assertAllClose(backend.singularValues(backend.upperTriangle(transposed(a))), diagonal, each);
      if (condition > 1e3) continue;
      assertAllClose(backend.singularValues(L), diagonal, { relative: 1e-12, absolute: 0 });
    }
  }
}

/** A B by the definition. */
function product(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.columns; j++) {
      for (let p = 0; p < a.columns; p++) {
        out.data[i * b.columns + j] += a.data[i * a.columns + p] * b.data[p * b.columns + j];
      }
    }
  }
  return out;
}

function timesDiagonal(matrix: DenseMatrix, diagonal: Float64Array): DenseMatrix {
  return { ...matrix, data: matrix.data.map((value, at) => value * diagonal[at % matrix.columns]) };
}

function assertOrthonormalRows(rows: DenseMatrix): void {
  const gram = product(rows, transposed(rows)), absolute = 1e-14 * Math.max(20, rows.columns);
  assertAllClose(gram.data, identity(rows.rows).data, { relative: 0, absolute, what: "Q Qᵀ" });
}

/** Equal to 1e-13 of the norm. */
function assertSame(found: DenseMatrix, expected: DenseMatrix): void {
  assertEquals([found.rows, found.columns], [expected.rows, expected.columns]);
  const absolute = 1e-13 * frobeniusNorm(expected);
  assertAllClose(found.data, expected.data, { relative: 0, absolute });
}
