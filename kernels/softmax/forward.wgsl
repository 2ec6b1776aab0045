// Softmax of rows, 8 threads per row: each finds the largest value of its share of the row and the sum of
// exponentials relative to it; after one barrier the shares are combined.

struct Scalars {
  batch: u32,
  rows: u32,
  keys: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> p: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

const lowest = -3.4028234663852886e38;

var<workgroup> shares: array<vec2f, 64>; // largest value, sum of exponentials

fn sees(row: u32, key: u32) -> bool {
  if (s.hasMask == 0u) {
    return true;
  }
  return mask[row / s.rows * s.keys + key] != 0u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = (group.y * groups.x + group.x) * 8u + lane / 8u;
  // Rows past the end repeat the last one, for the barrier, and store nothing.
  let row = min(place, s.batch * s.rows - 1u);
  let at = row * s.keys;
  // A finite start: minus infinity minus itself would be NaN if no key is seen.
  var largest = lowest;
  for (var j = lane % 8u; j < s.keys; j += 8u) {
    if (sees(row, j)) {
      largest = max(largest, x[at + j]);
    }
  }
  // max() may swallow a NaN: exp() of the same value restores it.
  var sum = 0.0;
  for (var j = lane % 8u; j < s.keys; j += 8u) {
    if (sees(row, j)) {
      sum += exp(x[at + j] - largest);
    }
  }
  shares[lane] = vec2f(largest, sum);
  workgroupBarrier();
  if (place != row) {
    return;
  }
  let first = lane / 8u * 8u;
  var whole = lowest;
  for (var l = first; l < first + 8u; l++) {
    whole = max(whole, shares[l].x);
  }
  var total = 0.0;
  for (var l = first; l < first + 8u; l++) {
    total += shares[l].y * exp(shares[l].x - whole);
  }
  for (var j = lane % 8u; j < s.keys; j += 8u) {
    var value = 0.0;
    if (sees(row, j)) {
      value = exp(x[at + j] - whole) / total;
    }
    p[at + j] = value;
  }
}
