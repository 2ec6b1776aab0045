// Cross-entropy, one row of logits a workgroup: the largest logit, then the sum of exponentials below it.

struct Scalars {
  rows: u32,
  vocabulary: u32,
  smoothing: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read_write> logSumExp: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

const lowest = -3.4028234663852886e38;

var<workgroup> largestShares: array<f32, 64>;
var<workgroup> shares: array<vec2f, 64>;

// max() may swallow a NaN: the exponential of that same logit brings it back into the sum.
fn largestOf(lane: u32, share: f32) -> f32 {
  largestShares[lane] = share;
  workgroupBarrier();
  var largest = lowest;
  for (var l = 0u; l < 64u; l++) {
    largest = max(largest, largestShares[l]);
  }
  return largest;
}

fn total(lane: u32, share: vec2f) -> vec2f {
  shares[lane] = share;
  workgroupBarrier();
  var sum = vec2f(0.0);
  for (var l = 0u; l < 64u; l++) {
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
  let row = group.y * groups.x + group.x;
  if (row >= s.rows) {
    return;
  }
  let at = row * s.vocabulary;
  var share = lowest;
  for (var j = lane; j < s.vocabulary; j += 64u) {
    share = max(share, logits[at + j]);
  }
  let largest = largestOf(lane, share);
  var sums = vec2f(0.0);
  for (var j = lane; j < s.vocabulary; j += 64u) {
    let logit = logits[at + j];
    sums += vec2f(exp(logit - largest), logit);
  }
  sums = total(lane, sums);
  if (lane == 0u) {
    let lse = largest + log(sums.x);
    let label = labels[row];
    logSumExp[row] = lse;
    if (label < 0) {
      losses[row] = 0.0;
    } else {
      let wanted = (1.0 - s.smoothing) * logits[at + u32(label)];
      losses[row] = s.scale * (lse - wanted - s.smoothing * sums.y / f32(s.vocabulary));
    }
  }
}
