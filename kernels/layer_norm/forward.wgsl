// Layer normalisation, four rows a workgroup and 16 threads a row, few enough that adding their shares is
// cheap. The variance is taken around the mean in a second pass: the difference of squares would cancel
// where the mean is large.

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

var<workgroup> shares: array<f32, 64>;

// The sum of a row's 16 shares, in one order on every lane. The first barrier keeps a second call from
// overwriting what a slower lane still reads.
fn total(lane: u32, share: f32) -> f32 {
  workgroupBarrier();
  shares[lane] = share;
  workgroupBarrier();
  let first = lane / 16u * 16u;
  var sum = 0.0;
  for (var l = first; l < first + 16u; l++) {
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
  let row = (group.y * groups.x + group.x) * 4u + lane / 16u;
  // Rows past the end repeat the last one, for the barriers, and store nothing.
  let at = min(row, s.rows - 1u) * s.width;
  let first = lane % 16u;
  var sum = 0.0;
  for (var i = first; i < s.width; i += 16u) {
    sum += x[at + i];
  }
  let mu = total(lane, sum) / f32(s.width);
  var squares = 0.0;
  for (var i = first; i < s.width; i += 16u) {
    let difference = x[at + i] - mu;
    squares += difference * difference;
  }
  let scale = 1.0 / sqrt(total(lane, squares) / f32(s.width) + s.epsilon);
  if (row >= s.rows) {
    return;
  }
  for (var i = first; i < s.width; i += 16u) {
    y[at + i] = (x[at + i] - mu) * scale * weight[i] + bias[i];
  }
  if (first == 0u) {
    mean[row] = mu;
    inverseDeviation[row] = scale;
  }
}
