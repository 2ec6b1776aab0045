// Layer normalization, 8 rows per workgroup and 8 threads per row. Each thread computes the mean of its
// share of the row and the sum of squares around it; after one barrier the shares are combined (Chan,
// Golub and LeVeque 1979, equation 1.5a). A difference of squares would cancel if the mean is large.

struct Scalars {
  rows: u32,
  width: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> inverseDeviation: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

// Mean of a thread's elements, and the sum of squares around it.
var<workgroup> shares: array<vec2f, 64>;

// Elements of a row that thread `first` of 8 takes.
fn countOf(first: u32) -> f32 {
  return f32((s.width + 7u - first) / 8u);
}

fn shareOf(at: u32, first: u32) -> vec2f {
  var sum = 0.0;
  for (var i = first; i < s.width; i += 8u) {
    sum += x[at + i];
  }
  let mu = sum / max(countOf(first), 1.0);
  var squares = 0.0;
  for (var i = first; i < s.width; i += 8u) {
    let difference = x[at + i] - mu;
    squares += difference * difference;
  }
  return vec2f(mu, squares);
}

// Mean of a row, and the sum of squares around it, from the 8 shares that start at `start`.
fn join(start: u32) -> vec2f {
  var sum = 0.0;
  for (var l = 0u; l < 8u; l++) {
    sum += countOf(l) * shares[start + l].x;
  }
  let mu = sum / f32(s.width);
  var squares = 0.0;
  for (var l = 0u; l < 8u; l++) {
    let share = shares[start + l];
    squares += share.y + countOf(l) * (share.x - mu) * (share.x - mu);
  }
  return vec2f(mu, squares);
}

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
  shares[lane] = shareOf(at, first);
  workgroupBarrier();
  let whole = join(lane - first);
  if (row >= s.rows) {
    return;
  }
  let mu = whole.x;
  let scale = 1.0 / sqrt(whole.y / f32(s.width) + s.epsilon);
  for (var i = first; i < s.width; i += 8u) {
    y[at + i] = (x[at + i] - mu) * scale * weight[i] + bias[i];
  }
  if (first == 0u) {
    mean[row] = mu;
    inverseDeviation[row] = scale;
  }
}
