// Cross-entropy of rows of logits, several threads per row. Each thread finds the largest logit of its
// share of the row and the sum of exponentials relative to it; after one barrier the shares are
// combined.

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

override threads: u32; // per row, a divisor of 64

const lowest = -3.4028234663852886e38;

// The largest of a thread's logits, the sum of exponentials relative to it, and the sum of the logits.
var<workgroup> shares: array<vec3f, 64>;

// max() may swallow a NaN: the exponential of the same logit puts it back into the sum.
fn shareOf(at: u32, first: u32) -> vec3f {
  var largest = lowest;
  for (var j = first; j < s.vocabulary; j += threads) {
    largest = max(largest, logits[at + j]);
  }
  var sums = vec2f(0.0);
  for (var j = first; j < s.vocabulary; j += threads) {
    let logit = logits[at + j];
    sums += vec2f(exp(logit - largest), logit);
  }
  return vec3f(largest, sums);
}

// The same for a whole row, whose shares start at `start`. Loops that start at a constant would be unrolled, which
// compiles for longer.
fn join(start: u32) -> vec3f {
  var largest = lowest;
  for (var l = start; l < start + threads; l++) {
    largest = max(largest, shares[l].x);
  }
  var sums = vec2f(0.0);
  for (var l = start; l < start + threads; l++) {
    let share = shares[l];
    sums += vec2f(share.y * exp(share.x - largest), share.z);
  }
  return vec3f(largest, sums);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (64u / threads) + lane / threads;
  // Rows past the end repeat the last one, for the barrier, and store nothing.
  let at = min(row, s.rows - 1u) * s.vocabulary;
  shares[lane] = shareOf(at, lane % threads);
  workgroupBarrier();
  if (row >= s.rows || lane % threads != 0u) {
    return;
  }
  let whole = join(lane);
  let lse = whole.x + log(whole.y);
  let label = labels[row];
  logSumExp[row] = lse;
  if (label < 0) {
    losses[row] = 0.0;
  } else {
    let wanted = (1.0 - s.smoothing) * logits[at + u32(label)];
    losses[row] = s.scale * (lse - wanted - s.smoothing * whole.z / f32(s.vocabulary));
  }
}
