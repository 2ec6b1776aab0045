// The operands of a product, C = (accumulate ? C : 0) + alpha (op(A) op(B) + op(A2) op(B2)) + bias in all four
// layouts: four elements of a factor at a time, and the stores of C. A program's own file follows.

struct Scalars {
  m: u32,
  n: u32,
  k: u32,
  transposeA: u32,
  transposeB: u32,
  aOffset: u32,
  aStride: u32,
  bOffset: u32,
  bStride: u32,
  cOffset: u32,
  cStride: u32,
  alpha: f32,
  hasBias: u32,
  accumulate: u32,
  k2: u32,
  a2Offset: u32,
  a2Stride: u32,
  b2Offset: u32,
  b2Stride: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read> a2: array<f32>;
@group(0) @binding(3) var<storage, read> b2: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> c: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

override transposeA: u32;
override transposeB: u32;
// 1 when there is a second pair of matrices.
override second: u32;
// How B stores floats: 0 for f32, 1 for f16, 2 for bf16.
override stored: u32;

const next = vec4u(0u, 1u, 2u, 3u);

// One of the four matrices: 0 to 3 for A, B, A2 and B2. Which one is known when this is compiled.
struct Matrix {
  which: u32,
  offset: u32,
  stride: u32,
}

// The F32 bits of a float of 16 bits. unpack2x16float may flush subnormal values and does not define infinities,
// so the bits are moved explicitly.
fn widened(half: u32) -> u32 {
  if (stored == 2u) {
    return half << 16u;
  }
  let sign = (half & 0x8000u) << 16u;
  let rest = half & 0x7fffu; // exponent and fraction
  if (rest < 0x400u) {
    return sign | bitcast<u32>(f32(rest) * 0x1p-24f); // subnormal: a multiple of 2^-24
  }
  // The exponent's bias grows from 15 to 127, and once more by as much for infinities and NaN.
  let bias = select(112u, 224u, rest >= 0x7c00u);
  return sign | ((rest << 13u) + (bias << 23u));
}

// An element of B.
fn elementOfB(at: u32) -> f32 {
  if (stored == 0u) {
    return bitcast<f32>(b[at]);
  }
  return bitcast<f32>(widened((b[at / 2u] >> (16u * (at % 2u))) & 0xffffu));
}

fn elementOf(x: Matrix, at: u32) -> f32 {
  switch x.which {
    case 0u: { return a[at]; }
    case 1u: { return elementOfB(at); }
    case 2u: { return a2[at]; }
    default: { return b2[at]; }
  }
}

fn fourOf(x: Matrix, at: vec4u) -> vec4f {
  return vec4f(elementOf(x, at.x), elementOf(x, at.y), elementOf(x, at.z), elementOf(x, at.w));
}

// Term p of k of rows i to i + 3 of op(A), zero beyond its edges.
fn rowsOfA(x: Matrix, i: u32, p: u32, k: u32) -> vec4f {
  let at = x.offset + select((i + next) * x.stride + p, p * x.stride + i + next, transposeA != 0u);
  let inside = i + next < vec4u(select(0u, s.m, p < k));
  return select(vec4f(), fourOf(x, at), inside);
}

// Term p of k of columns j to j + 3 of op(B), zero beyond its edges.
fn columnsOfB(x: Matrix, p: u32, j: u32, k: u32) -> vec4f {
  let at = x.offset + select(p * x.stride + j + next, (j + next) * x.stride + p, transposeB != 0u);
  let inside = j + next < vec4u(select(0u, s.n, p < k));
  return select(vec4f(), fourOf(x, at), inside);
}

fn store(i: u32, j: u32, sum: f32) {
  if (i >= s.m || j >= s.n) {
    return;
  }
  let at = s.cOffset + i * s.cStride + j;
  var value = s.alpha * sum;
  if (s.hasBias != 0u) {
    value += bias[j];
  }
  if (s.accumulate != 0u) {
    value += c[at];
  }
  c[at] = value;
}

fn storeRows(i: u32, j: u32, sums: mat4x4f) {
  for (var row = 0u; row < 4u; row++) {
    store(i + row, j, sums[row].x);
    store(i + row, j + 1u, sums[row].y);
    store(i + row, j + 2u, sums[row].z);
    store(i + row, j + 3u, sums[row].w);
  }
}
