// y[j] = (accumulate ? y[j] : 0) + sum of column j, one column per thread, so that neighboring threads
// read neighboring elements. Blocks of rows are summed separately: the rounding error grows with their
// number and their length, not with the number of rows.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

const blockRows = 64u;

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
  var total = 0.0;
  for (var start = 0u; start < s.rows; start += blockRows) {
    let end = min(s.rows, start + blockRows);
    var block = 0.0;
    for (var row = start; row < end; row++) {
      block += x[row * s.width + column];
    }
    total += block;
  }
  if (s.accumulate != 0u) {
    y[column] += total;
  } else {
    y[column] = total;
  }
}
