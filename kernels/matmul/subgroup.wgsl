// C = (accumulate ? C : 0) + alpha (op(A) op(B) + op(A2) op(B2)) + bias, for software adapters with subgroups
// of 8.
//
// On these adapters a load or store costs as much as many multiply-adds, one of four elements little more
// than one of one, and a broadcast to the other lanes is nearly free. So a subgroup computes a tile of
// 32 x 32: a lane loads four terms of four rows of op(A) and of four columns of op(B), 8 loads in all, and
// multiplies its columns by the rows of each lane in turn, 512 multiply-adds. Loops and arrays instead of the
// eight named sums would cost three quarters of the speed. A narrow C needs fewer lanes across, so the other
// lanes take further rows; for a low C, each lane sums fewer rows.

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

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4u>;
@group(0) @binding(2) var<storage, read> a2: array<vec4f>;
@group(0) @binding(3) var<storage, read> b2: array<vec4f>;
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(6) var<uniform> s: Scalars;

// 1 when there is a second pair of matrices.
override second: u32;
// 1 when a pair's terms, offsets and strides are multiples of four, so that every four elements are one
// vector in memory.
override aligned: u32;
override aligned2: u32;
// Lanes that share a row of the tile, and lanes whose rows each of them sums: 2, 4 or 8.
override columnLanes: u32;
override rowLanes: u32;
// 1 when C has a single row, which every lane loads for itself; loads of other rows are then left out.
override single: u32;
// How B stores floats: 0 for f32, 1 for f16, 2 for bf16.
override stored: u32;

const next = vec4u(0u, 1u, 2u, 3u);

// One of the four matrices: 0 to 3 for A, B, A2 and B2. Which one is known when this is compiled.
struct Matrix {
  which: u32,
  aligned: bool,
  offset: u32,
  stride: u32,
}

// The values of four floats of 16 bits, two in each word. unpack2x16float may flush subnormal values and does
// not define infinities, so the bits are moved explicitly.
fn widened(pairs: vec2u) -> vec4f {
  let low = pairs & vec2u(0xffffu);
  let high = pairs >> vec2u(16u);
  let halves = vec4u(low.x, high.x, low.y, high.y);
  if (stored == 2u) {
    return bitcast<vec4f>(halves << vec4u(16u));
  }
  let sign = (halves & vec4u(0x8000u)) << vec4u(16u);
  let rest = halves & vec4u(0x7fffu); // exponent and fraction
  let subnormal = bitcast<vec4u>(vec4f(rest) * 0x1p-24f);
  // The exponent's bias grows from 15 to 127, and once more by as much for infinities and NaN.
  let bias = select(vec4u(112u << 23u), vec4u(224u << 23u), rest >= vec4u(0x7c00u));
  let normal = (rest << vec4u(13u)) + bias;
  return bitcast<vec4f>(sign | select(normal, subnormal, rest < vec4u(0x400u)));
}

// Elements 4 i to 4 i + 3 of B.
fn vectorOfB(i: u32) -> vec4f {
  if (stored == 0u) {
    return bitcast<vec4f>(b[i]);
  }
  let words = b[i / 2u];
  return widened(select(words.xy, words.zw, i % 2u == 1u));
}

fn vectorOf(x: Matrix, at: u32) -> vec4f {
  switch x.which {
    case 0u: { return a[at]; }
    case 1u: { return vectorOfB(at); }
    case 2u: { return a2[at]; }
    default: { return b2[at]; }
  }
}

fn fourOf(x: Matrix, at: u32) -> vec4f {
  if (x.aligned) {
    return vectorOf(x, at / 4u);
  }
  let v = (at + next) / 4u;
  let e = (at + next) % 4u;
  return vec4f(
    vectorOf(x, v.x)[e.x],
    vectorOf(x, v.y)[e.y],
    vectorOf(x, v.z)[e.z],
    vectorOf(x, v.w)[e.w],
  );
}

// Elements i to i + 3 of four rows, a column for each row.
fn partOf(x: Matrix, rows: vec4u, i: u32) -> mat4x4f {
  let at = x.offset + i + rows * x.stride;
  return mat4x4f(fourOf(x, at.x), fourOf(x, at.y), fourOf(x, at.z), fourOf(x, at.w));
}

// Terms p to p + 3 of k, a column for each, of op(A)'s rows or op(B)'s columns i to i + 3 of `count`; `inRow` if
// the terms of one are neighbors in memory. What is beyond an edge is never stored; terms beyond it are set to
// zero afterwards. The layout is no constant, as a program for each would compile for three times as long.
fn termsOf(x: Matrix, inRow: bool, i: u32, count: u32, p: u32, k: u32) -> mat4x4f {
  let rows = min(select(p, i, inRow) + next, vec4u(select(k, count, inRow) - 1u));
  let part = partOf(x, rows, select(i, p, inRow));
  let turned = transpose(part);
  return mat4x4f(
    select(part[0], turned[0], inRow),
    select(part[1], turned[1], inRow),
    select(part[2], turned[2], inRow),
    select(part[3], turned[3], inRow),
  );
}

// x where `kept` is true, zero elsewhere, even where x is NaN.
fn keepColumns(x: mat4x4f, kept: vec4<bool>) -> mat4x4f {
  let zero = vec4f();
  return mat4x4f(
    select(zero, x[0], kept.x),
    select(zero, x[1], kept.y),
    select(zero, x[2], kept.z),
    select(zero, x[3], kept.w),
  );
}

fn heldBy(lane: u32, x: mat4x4f) -> mat4x4f {
  return mat4x4f(
    subgroupShuffle(x[0], lane),
    subgroupShuffle(x[1], lane),
    subgroupShuffle(x[2], lane),
    subgroupShuffle(x[3], lane),
  );
}

var<private> sum0: mat4x4f;
var<private> sum1: mat4x4f;
var<private> sum2: mat4x4f;
var<private> sum3: mat4x4f;
var<private> sum4: mat4x4f;
var<private> sum5: mat4x4f;
var<private> sum6: mat4x4f;
var<private> sum7: mat4x4f;

// Adds the k terms of a pair of matrices. This lane loads rows from i and columns from j; the first rows
// that it sums are those of lane `first`.
fn addTerms(ofA: Matrix, ofB: Matrix, k: u32, i: u32, j: u32, first: u32) {
  for (var p = 0u; p < k; p += 4u) {
    var x = termsOf(ofA, s.transposeA == 0u, i, s.m, p, k);
    var y = termsOf(ofB, s.transposeB != 0u, j, s.n, p, k);
    if (!ofA.aligned) {
      let kept = p + next < vec4u(k);
      x = keepColumns(x, kept);
      y = keepColumns(y, kept);
    }
    x = transpose(x);
    if (single != 0u) {
      sum0[0] += y * x[0];
      continue;
    }
    sum0 += y * heldBy(first, x);
    sum1 += y * heldBy(first + 1u, x);
    if (rowLanes > 2u) {
      sum2 += y * heldBy(first + 2u, x);
      sum3 += y * heldBy(first + 3u, x);
    }
    if (rowLanes > 4u) {
      sum4 += y * heldBy(first + 4u, x);
      sum5 += y * heldBy(first + 5u, x);
      sum6 += y * heldBy(first + 6u, x);
      sum7 += y * heldBy(first + 7u, x);
    }
  }
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tilesAcross = (s.n + 4u * columnLanes - 1u) / (4u * columnLanes);
  let tile = group.y * groups.x + group.x;
  let top = tile / tilesAcross * (32u / columnLanes * rowLanes);
  // All lanes return or none: shuffles need the whole subgroup.
  if (top >= s.m) {
    return;
  }
  let first = lane / columnLanes * columnLanes;
  let j = (tile % tilesAcross * columnLanes + lane - first) * 4u;
  let i = select(top + lane * 4u, 0u, single != 0u);
  let ofA = Matrix(0u, aligned != 0u, s.aOffset, s.aStride);
  let ofB = Matrix(1u, aligned != 0u, s.bOffset, s.bStride);
  addTerms(ofA, ofB, s.k, i, j, first);
  if (second != 0u) {
    let ofA2 = Matrix(2u, aligned2 != 0u, s.a2Offset, s.a2Stride);
    let ofB2 = Matrix(3u, aligned2 != 0u, s.b2Offset, s.b2Stride);
    addTerms(ofA2, ofB2, s.k2, i, j, first);
  }
  if (j >= s.n) {
    return;
  }
  var added = vec4f();
  if (s.hasBias != 0u) {
    added = bias[j / 4u];
  }
  var sums = array<mat4x4f, 8>(sum0, sum1, sum2, sum3, sum4, sum5, sum6, sum7);
  let start = top + first * 4u;
  let end = min(start + rowLanes * 4u, s.m);
  let fours = (s.n | s.cOffset | s.cStride) % 4u == 0u;
  for (var i = start; i < end; i++) {
    var value = s.alpha * sums[(i - start) / 4u][(i - start) % 4u] + added;
    let at = s.cOffset + i * s.cStride + j;
    if (fours) {
      if (s.accumulate != 0u) {
        value += c[at / 4u];
      }
      c[at / 4u] = value;
      continue;
    }
    for (var e = 0u; e < min(4u, s.n - j); e++) {
      if (s.accumulate != 0u) {
        value[e] += c[(at + e) / 4u][(at + e) % 4u];
      }
      c[(at + e) / 4u][(at + e) % 4u] = value[e];
    }
  }
}
