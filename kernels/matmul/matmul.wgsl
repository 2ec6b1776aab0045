// C = (accumulate ? C : 0) + alpha (op(A) op(B) + op(A2) op(B2)) + bias in all four layouts.
//
// A workgroup of 16 x 8 threads computes a tile of 64 x 64, each thread 8 rows by 4 columns in
// registers. Sixteen terms (steps of k) at a time go through workgroup memory, so that each element is
// loaded once per tile: 16 loads for 512 multiply-adds. In workgroup memory, four rows, or columns, of
// a term are a vector; a pitch of 17 vectors per term instead of 16 spreads the threads that write one
// row of several terms over the banks.

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

const terms = 16u;
const pitch = 17u;
const next = vec4u(0u, 1u, 2u, 3u);

var<workgroup> tileA: array<vec4f, terms * pitch>;
var<workgroup> tileB: array<vec4f, terms * pitch>;

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

// Which vector of a tile a thread loads: its term and its four rows or columns, neighbors next to each other.
fn share(thread: u32, termsFirst: bool) -> vec2u {
  return select(vec2u(thread / 16u, thread % 16u), vec2u(thread % terms, thread / terms), termsFirst);
}

var<private> upper: mat4x4f;
var<private> lower: mat4x4f;

// Adds the k terms of a pair of matrices.
fn addTerms(ofA: Matrix, ofB: Matrix, k: u32, top: u32, left: u32, thread: u32) {
  let row = thread / 16u * 2u;
  let column = thread % 16u;
  for (var p = 0u; p < k; p += terms) {
    for (var e = thread; e < 256u; e += 128u) {
      let inA = share(e, transposeA == 0u);
      let inB = share(e, transposeB != 0u);
      tileA[inA.x * pitch + inA.y] = rowsOfA(ofA, top + inA.y * 4u, p + inA.x, k);
      tileB[inB.x * pitch + inB.y] = columnsOfB(ofB, p + inB.x, left + inB.y * 4u, k);
    }
    workgroupBarrier();
    for (var q = 0u; q < terms; q++) {
      let x = tileA[q * pitch + row];
      let z = tileA[q * pitch + row + 1u];
      let y = tileB[q * pitch + column];
      upper += mat4x4f(x.x * y, x.y * y, x.z * y, x.w * y);
      lower += mat4x4f(z.x * y, z.y * y, z.z * y, z.w * y);
    }
    workgroupBarrier();
  }
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

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tilesAcross = (s.n + 63u) / 64u;
  let tile = group.y * groups.x + group.x;
  let top = tile / tilesAcross * 64u;
  let left = tile % tilesAcross * 64u;
  if (top >= s.m) {
    return;
  }
  addTerms(Matrix(0u, s.aOffset, s.aStride), Matrix(1u, s.bOffset, s.bStride), s.k, top, left, thread);
  if (second != 0u) {
    let ofA2 = Matrix(2u, s.a2Offset, s.a2Stride);
    let ofB2 = Matrix(3u, s.b2Offset, s.b2Stride);
    addTerms(ofA2, ofB2, s.k2, top, left, thread);
  }
  let row = thread / 16u * 8u;
  let column = thread % 16u * 4u;
  storeRows(top + row, left + column, upper);
  storeRows(top + row + 4u, left + column, lower);
}
