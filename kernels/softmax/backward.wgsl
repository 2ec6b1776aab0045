// Gradient of a softmax, 8 threads per row, which share the sum of p dp.

struct Scalars {
  rows: u32,
  keys: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> p: array<f32>;
@group(0) @binding(1) var<storage, read> dp: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

var<workgroup> shares: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = (group.y * groups.x + group.x) * 8u + lane / 8u;
  // Rows past the end repeat the last one, for the barrier, and store nothing.
  let row = min(place, s.rows - 1u);
  let at = row * s.keys;
  var share = 0.0;
  for (var j = lane % 8u; j < s.keys; j += 8u) {
    share += p[at + j] * dp[at + j];
  }
  shares[lane] = share;
  workgroupBarrier();
  if (place != row) {
    return;
  }
  let first = lane / 8u * 8u;
  var mean = 0.0;
  for (var l = first; l < first + 8u; l++) {
    mean += shares[l];
  }
  for (var j = lane % 8u; j < s.keys; j += 8u) {
    let value = p[at + j] * (dp[at + j] - mean);
    if (s.accumulate != 0u) {
      dx[at + j] += value;
    } else {
      dx[at + j] = value;
    }
  }
}
