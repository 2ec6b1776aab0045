// Gradient of layer normalization with respect to its weight and bias. A thread sums four columns of every
// fourth block of rows; neighboring threads read neighboring elements. Blocks of rows are summed separately,
// which keeps the rounding error small.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> inverseDeviation: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dBias: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

// 1 when the width is a multiple of four.
override aligned: u32;

const blockRows = 16u;

var<workgroup> weightShares: array<vec4f, 64>;
var<workgroup> biasShares: array<vec4f, 64>;

// Columns j to j + 3 of a row of x, and of dy.
fn foursOf(row: u32, j: u32) -> mat2x4f {
  let at = row * s.width + j;
  if (aligned != 0u) {
    return mat2x4f(x[at / 4u], dy[at / 4u]);
  }
  var fours = mat2x4f();
  for (var e = 0u; e < 4u && j + e < s.width; e++) {
    let v = (at + e) / 4u;
    fours[0][e] = x[v][(at + e) % 4u];
    fours[1][e] = dy[v][(at + e) % 4u];
  }
  return fours;
}

// (dy * normalized x, dy) summed over some rows of four columns.
fn blockSums(j: u32, start: u32, end: u32) -> mat2x4f {
  var sums = mat2x4f();
  for (var row = start; row < end; row++) {
    let fours = foursOf(row, j);
    sums += mat2x4f(fours[1] * (fours[0] - mean[row]) * inverseDeviation[row], fours[1]);
  }
  return sums;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let j = index * 64u + 4u * (lane % 16u);
  var sums = mat2x4f();
  if (j < s.width) {
    for (var start = lane / 16u * blockRows; start < s.rows; start += 4u * blockRows) {
      sums += blockSums(j, start, min(s.rows, start + blockRows));
    }
  }
  weightShares[lane] = sums[0];
  biasShares[lane] = sums[1];
  workgroupBarrier();
  let column = index * 64u + lane;
  if (column >= s.width) {
    return;
  }
  let e = lane % 4u;
  var total = vec2f();
  for (var q = lane / 4u; q < 64u; q += 16u) {
    total += vec2f(weightShares[q][e], biasShares[q][e]);
  }
  if (s.accumulate != 0u) {
    total += vec2f(dWeight[column], dBias[column]);
  }
  dWeight[column] = total.x;
  dBias[column] = total.y;
}
