// Gradient of normalization by the root mean square with respect to its weight, one column per thread.
// Blocks of rows are summed separately, which keeps the rounding error small.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> inverseRoot: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

const blockRows = 64u;

fn blockSum(column: u32, start: u32, end: u32) -> f32 {
  var sum = 0.0;
  for (var row = start; row < end; row++) {
    let at = row * s.width + column;
    sum += dy[at] * x[at] * inverseRoot[row];
  }
  return sum;
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
  var sum = 0.0;
  for (var start = 0u; start < s.rows; start += blockRows) {
    sum += blockSum(column, start, min(s.rows, start + blockRows));
  }
  if (s.accumulate != 0u) {
    dWeight[column] += sum;
  } else {
    dWeight[column] = sum;
  }
}
