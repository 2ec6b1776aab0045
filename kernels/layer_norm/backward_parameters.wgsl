// Gradient of layer normalization with respect to its weight and bias, one column per thread. Blocks of
// rows are summed separately, which keeps the rounding error small.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> inverseDeviation: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dBias: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

const blockRows = 64u;

// (dy * normalized x, dy) summed over some rows of a column.
fn blockSums(column: u32, start: u32, end: u32) -> vec2f {
  var sums = vec2f(0.0);
  for (var row = start; row < end; row++) {
    let at = row * s.width + column;
    let gradient = dy[at];
    sums += vec2f(gradient * (x[at] - mean[row]) * inverseDeviation[row], gradient);
  }
  return sums;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let column = (group.y * groups.x + group.x) * 64u + lane;
  if (column >= s.width) {
    return;
  }
  var sums = vec2f(0.0);
  for (var start = 0u; start < s.rows; start += blockRows) {
    sums += blockSums(column, start, min(s.rows, start + blockRows));
  }
  if (s.accumulate != 0u) {
    dWeight[column] += sums.x;
    dBias[column] += sums.y;
  } else {
    dWeight[column] = sums.x;
    dBias[column] = sums.y;
  }
}
