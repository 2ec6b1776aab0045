// y[j] = (accumulate ? y[j] : 0) + (sum of a * b over column j) / divisors[j], one column per thread. Blocks
// of rows are summed separately, which keeps the rounding error small.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> divisors: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

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
      let at = row * s.width + column;
      block += a[at] * b[at];
    }
    total += block;
  }
  let divisor = divisors[column];
  let value = select(total / divisor, 0.0, divisor == 0.0);
  if (s.accumulate != 0u) {
    y[column] += value;
  } else {
    y[column] = value;
  }
}
