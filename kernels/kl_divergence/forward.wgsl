// KL divergence, one row per workgroup: both maxima, both sums of exponentials, then the mean
// difference.

struct Scalars {
  rows: u32,
  vocabulary: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> teacher: array<f32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read_write> logSumExp: array<f32>;
@group(0) @binding(4) var<storage, read_write> teacherLogSumExp: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

const lowest = -3.4028234663852886e38;

var<workgroup> largestShares: array<vec2f, 64>;
var<workgroup> shares: array<vec2f, 64>;
var<workgroup> gaps: array<f32, 64>;

// max() may swallow a NaN: the exponential of the same logit puts it back into the sum.
fn largestOf(lane: u32, share: vec2f) -> vec2f {
  largestShares[lane] = share;
  workgroupBarrier();
  var largest = vec2f(lowest);
  for (var l = 0u; l < 64u; l++) {
    largest = max(largest, largestShares[l]);
  }
  return largest;
}

fn totalOf(lane: u32, share: vec2f) -> vec2f {
  shares[lane] = share;
  workgroupBarrier();
  var sum = vec2f(0.0);
  for (var l = 0u; l < 64u; l++) {
    sum += shares[l];
  }
  return sum;
}

fn gapOf(lane: u32, share: f32) -> f32 {
  gaps[lane] = share;
  workgroupBarrier();
  var sum = 0.0;
  for (var l = 0u; l < 64u; l++) {
    sum += gaps[l];
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= s.rows) {
    return;
  }
  let at = row * s.vocabulary;
  var share = vec2f(lowest);
  for (var j = at + lane; j < at + s.vocabulary; j += 64u) {
    share = max(share, vec2f(logits[j], teacher[j]));
  }
  let largest = largestOf(lane, share);
  share = vec2f(0.0);
  for (var j = at + lane; j < at + s.vocabulary; j += 64u) {
    share += exp(vec2f(logits[j], teacher[j]) - largest);
  }
  let lse = largest + log(totalOf(lane, share));
  var gap = 0.0;
  for (var j = at + lane; j < at + s.vocabulary; j += 64u) {
    gap += exp(teacher[j] - lse.y) * (teacher[j] - logits[j]);
  }
  gap = gapOf(lane, gap);
  if (lane == 0u) {
    logSumExp[row] = lse.x;
    teacherLogSumExp[row] = lse.y;
    losses[row] = s.scale * (gap + (lse.x - lse.y));
  }
}
