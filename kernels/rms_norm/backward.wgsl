// Gradient of normalization by the root mean square with respect to its input, 8 rows per workgroup and
// 8 threads per row.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> inverseRoot: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

var<workgroup> shares: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * 8u + lane / 8u;
  // Rows past the end repeat the last one, for the barrier, and store nothing.
  let source = min(row, s.rows - 1u);
  let at = source * s.width;
  let scale = inverseRoot[source];
  let first = lane % 8u;
  var share = 0.0;
  for (var i = first; i < s.width; i += 8u) {
    share += dy[at + i] * weight[i] * x[at + i] * scale;
  }
  shares[lane] = share;
  workgroupBarrier();
  if (row >= s.rows) {
    return;
  }
  var product = 0.0;
  for (var l = lane - first; l < lane - first + 8u; l++) {
    product += shares[l];
  }
  let mean = product / f32(s.width);
  for (var i = first; i < s.width; i += 8u) {
    let value = scale * (dy[at + i] * weight[i] - x[at + i] * scale * mean);
    if (s.accumulate != 0u) {
      dx[at + i] += value;
    } else {
      dx[at + i] = value;
    }
  }
}
