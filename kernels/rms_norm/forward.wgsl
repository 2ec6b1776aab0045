// Normalization by the root mean square, 8 rows per workgroup and 8 threads per row.

struct Scalars {
  rows: u32,
  width: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> inverseRoot: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

var<workgroup> shares: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * 8u + lane / 8u;
  // Rows past the end repeat the last one, for the barrier, and store nothing.
  let at = min(row, s.rows - 1u) * s.width;
  let first = lane % 8u;
  var share = 0.0;
  for (var i = first; i < s.width; i += 8u) {
    share += x[at + i] * x[at + i];
  }
  shares[lane] = share;
  workgroupBarrier();
  if (row >= s.rows) {
    return;
  }
  var squares = 0.0;
  for (var l = lane - first; l < lane - first + 8u; l++) {
    squares += shares[l];
  }
  let scale = 1.0 / sqrt(squares / f32(s.width) + s.epsilon);
  for (var i = first; i < s.width; i += 8u) {
    y[at + i] = x[at + i] * scale * weight[i];
  }
  if (first == 0u) {
    inverseRoot[row] = scale;
  }
}
