// C = (accumulate ? C : 0) + alpha op(A) op(B) + bias in the four layouts.
//
// A workgroup of 8 x 8 threads makes a tile of 32 x 32, a thread 4 x 4 of it in registers: 8 loads for 16
// multiply-adds. A thread's rows and columns lie 8 apart, so that neighbouring threads load neighbours.
// No workgroup memory and no barrier, which software adapters make slow.

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

// Rows and columns beyond the edge repeat the last one: in bounds, and never stored.
fn edge(start: u32, count: u32) -> vec4u {
  return min(start + vec4u(0u, 8u, 16u, 24u), vec4u(count - 1u));
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

fn storeRow(i: u32, j: u32, sums: vec4f) {
  store(i, j, sums.x);
  store(i, j + 8u, sums.y);
  store(i, j + 16u, sums.z);
  store(i, j + 24u, sums.w);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tilesAcross = (s.n + 31u) / 32u;
  let tile = group.y * groups.x + group.x;
  let i = tile / tilesAcross * 32u + lane / 8u;
  let j = tile % tilesAcross * 32u + lane % 8u;
  if (tile / tilesAcross * 32u >= s.m) {
    return;
  }
  var aAt = s.aOffset + edge(i, s.m) * select(s.aStride, 1u, transposeA != 0u);
  var bAt = s.bOffset + edge(j, s.n) * select(1u, s.bStride, transposeB != 0u);
  let aStep = select(1u, s.aStride, transposeA != 0u);
  let bStep = select(s.bStride, 1u, transposeB != 0u);
  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  for (var p = 0u; p < s.k; p++) {
    let row = vec4f(b[bAt.x], b[bAt.y], b[bAt.z], b[bAt.w]);
    sum0 += a[aAt.x] * row;
    sum1 += a[aAt.y] * row;
    sum2 += a[aAt.z] * row;
    sum3 += a[aAt.w] * row;
    aAt += aStep;
    bAt += bStep;
  }
  storeRow(i, j, sum0);
  storeRow(i + 8u, j, sum1);
  storeRow(i + 16u, j, sum2);
  storeRow(i + 24u, j, sum3);
}
