// Gradient of layer normalization with respect to its input, 8 rows per workgroup and 8 threads per
// row.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> inverseDeviation: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

var<workgroup> shares: array<vec2f, 64>;

// The sums of a row's 8 shares, added in the same order on every lane.
fn total(lane: u32, share: vec2f) -> vec2f {
  shares[lane] = share;
  workgroupBarrier();
  let first = lane / 8u * 8u;
  var sum = vec2f(0.0);
  for (var l = first; l < first + 8u; l++) {
    sum += shares[l];
  }
  return sum;
}

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
  let mu = mean[source];
  let scale = inverseDeviation[source];
  let first = lane % 8u;
  var share = vec2f(0.0);
  for (var i = first; i < s.width; i += 8u) {
    let g = dy[at + i] * weight[i];
    share += vec2f(g, g * (x[at + i] - mu) * scale);
  }
  let means = total(lane, share) / f32(s.width);
  if (row >= s.rows) {
    return;
  }
  for (var i = first; i < s.width; i += 8u) {
    let normal = (x[at + i] - mu) * scale;
    let value = scale * (dy[at + i] * weight[i] - means.x - normal * means.y);
    if (s.accumulate != 0u) {
      dx[at + i] += value;
    } else {
      dx[at + i] = value;
    }
  }
}
