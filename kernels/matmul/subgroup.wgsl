// C = (accumulate ? C : 0) + alpha op(A) op(B) + bias, for software adapters with subgroups of 8.
//
// There a load costs as much as many multiply-adds, one of four elements little more than one of one, and
// to hand a lane's values to the others is nearly free. So a subgroup makes a tile of 32 x 32: a lane
// loads four terms of four rows of op(A) and of four columns of op(B), 8 loads in all, and multiplies its
// columns by the rows of each lane in turn, 512 multiply-adds. Loops and arrays in place of the eight sums
// cost three quarters of the speed.
//
// A narrow C needs fewer lanes across, and what they leave makes other rows; a low one adds up fewer rows.

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
}

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

override transposeA: u32;
override transposeB: u32;
// 1 when k, offsets and strides are multiples of four, so that every four elements are a vector of memory.
override aligned: u32;
// Lanes that share a row of the tile, and lanes whose rows each of them adds up: 2, 4 or 8.
override columnLanes: u32;
override rowLanes: u32;

const next = vec4u(0u, 1u, 2u, 3u);

fn fourOfA(at: u32) -> vec4f {
  if (aligned != 0u) {
    return a[at / 4u];
  }
  let v = (at + next) / 4u;
  let e = (at + next) % 4u;
  return vec4f(a[v.x][e.x], a[v.y][e.y], a[v.z][e.z], a[v.w][e.w]);
}

fn fourOfB(at: u32) -> vec4f {
  if (aligned != 0u) {
    return b[at / 4u];
  }
  let v = (at + next) / 4u;
  let e = (at + next) % 4u;
  return vec4f(b[v.x][e.x], b[v.y][e.y], b[v.z][e.z], b[v.w][e.w]);
}

// Rows i to i + 3 of op(A), terms p to p + 3: a column for each row. What lies beyond an edge is never
// stored or, a term, set to zero afterwards.
fn rowsOfA(i: u32, p: u32) -> mat4x4f {
  if (transposeA != 0u) {
    let at = s.aOffset + i + min(p + next, vec4u(s.k - 1u)) * s.aStride;
    return transpose(mat4x4f(fourOfA(at.x), fourOfA(at.y), fourOfA(at.z), fourOfA(at.w)));
  }
  let at = s.aOffset + p + min(i + next, vec4u(s.m - 1u)) * s.aStride;
  return mat4x4f(fourOfA(at.x), fourOfA(at.y), fourOfA(at.z), fourOfA(at.w));
}

// Columns j to j + 3 of op(B), terms p to p + 3: a column for each term.
fn columnsOfB(p: u32, j: u32) -> mat4x4f {
  if (transposeB != 0u) {
    let at = s.bOffset + p + min(j + next, vec4u(s.n - 1u)) * s.bStride;
    return transpose(mat4x4f(fourOfB(at.x), fourOfB(at.y), fourOfB(at.z), fourOfB(at.w)));
  }
  let at = s.bOffset + j + min(p + next, vec4u(s.k - 1u)) * s.bStride;
  return mat4x4f(fourOfB(at.x), fourOfB(at.y), fourOfB(at.z), fourOfB(at.w));
}

// Columns of x at the places of `kept`, zero elsewhere, even where x is NaN.
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

fn store(i: u32, j: u32, sum: f32) {
  if (j >= s.n) {
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

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tilesAcross = (s.n + 4u * columnLanes - 1u) / (4u * columnLanes);
  let tile = group.y * groups.x + group.x;
  let top = tile / tilesAcross * (32u / columnLanes * rowLanes);
  // All lanes leave or none: shuffles want their whole subgroup.
  if (top >= s.m) {
    return;
  }
  let first = lane / columnLanes * columnLanes;
  let j = (tile % tilesAcross * columnLanes + lane - first) * 4u;
  var sum0 = mat4x4f();
  var sum1 = mat4x4f();
  var sum2 = mat4x4f();
  var sum3 = mat4x4f();
  var sum4 = mat4x4f();
  var sum5 = mat4x4f();
  var sum6 = mat4x4f();
  var sum7 = mat4x4f();
  for (var p = 0u; p < s.k; p += 4u) {
    var x = rowsOfA(top + lane * 4u, p);
    var y = columnsOfB(p, j);
    if (aligned == 0u) {
      let kept = p + next < vec4u(s.k);
      x = transpose(keepColumns(transpose(x), kept));
      y = keepColumns(y, kept);
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
  var sums = array<mat4x4f, 8>(sum0, sum1, sum2, sum3, sum4, sum5, sum6, sum7);
  let start = top + first * 4u;
  let end = min(start + rowLanes * 4u, s.m);
  for (var i = start; i < end; i++) {
    let sum = sums[(i - start) / 4u][(i - start) % 4u];
    store(i, j, sum.x);
    store(i, j + 1u, sum.y);
    store(i, j + 2u, sum.z);
    store(i, j + 3u, sum.w);
  }
}
