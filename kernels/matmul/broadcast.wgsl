// C = (accumulate ? C : 0) + alpha op(A) op(B) + bias, for software adapters with subgroups of 8.
//
// There a load costs as much as several multiply-adds whatever its pattern, and a broadcast from one lane
// to all is nearly free. So a subgroup makes 8 rows of 16 columns: a lane loads one row's element of A,
// which all lanes get, and two columns' elements of B: 3 loads for 16 multiply-adds. On llvmpipe that is
// seven times as fast as matmul.wgsl; loops and local arrays in place of the eight names cost two
// thirds of it.

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

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

override transposeA: u32;
override transposeB: u32;

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

// Two columns of each of the subgroup's rows.
struct Sums {
  r0: vec2f,
  r1: vec2f,
  r2: vec2f,
  r3: vec2f,
  r4: vec2f,
  r5: vec2f,
  r6: vec2f,
  r7: vec2f,
}

// Adds one step of k: x is A's element in row `lane`, y are B's in this lane's two columns.
fn step(sums: ptr<function, Sums>, x: f32, y: vec2f) {
  (*sums).r0 += subgroupBroadcast(x, 0u) * y;
  (*sums).r1 += subgroupBroadcast(x, 1u) * y;
  (*sums).r2 += subgroupBroadcast(x, 2u) * y;
  (*sums).r3 += subgroupBroadcast(x, 3u) * y;
  (*sums).r4 += subgroupBroadcast(x, 4u) * y;
  (*sums).r5 += subgroupBroadcast(x, 5u) * y;
  (*sums).r6 += subgroupBroadcast(x, 6u) * y;
  (*sums).r7 += subgroupBroadcast(x, 7u) * y;
}

fn storeRow(i: u32, j: u32, sums: vec2f) {
  store(i, j, sums.x);
  store(i, j + 8u, sums.y);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let tilesAcross = (s.n + 15u) / 16u;
  let tile = group.y * groups.x + group.x;
  let lane = index % 8u;
  let top = tile / tilesAcross * 64u;
  let j = tile % tilesAcross * 16u + lane;
  // All threads leave or none: broadcasts want their whole subgroup.
  if (top >= s.m) {
    return;
  }
  let i = top + index / 8u * 8u;
  let aStep = select(1u, s.aStride, transposeA != 0u);
  let bStep = select(s.bStride, 1u, transposeB != 0u);
  var aAt = s.aOffset + min(i + lane, s.m - 1u) * select(s.aStride, 1u, transposeA != 0u);
  var bAt = s.bOffset + min(vec2u(j, j + 8u), vec2u(s.n - 1u)) * select(1u, s.bStride, transposeB != 0u);
  var sums: Sums;
  for (var p = 0u; p < s.k; p++) {
    step(&sums, a[aAt], vec2f(b[bAt.x], b[bAt.y]));
    aAt += aStep;
    bAt += bStep;
  }
  storeRow(i, j, sums.r0);
  storeRow(i + 1u, j, sums.r1);
  storeRow(i + 2u, j, sums.r2);
  storeRow(i + 3u, j, sums.r3);
  storeRow(i + 4u, j, sums.r4);
  storeRow(i + 5u, j, sums.r5);
  storeRow(i + 6u, j, sums.r6);
  storeRow(i + 7u, j, sums.r7);
}
