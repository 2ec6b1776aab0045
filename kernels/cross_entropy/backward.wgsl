// Gradient of cross-entropy with respect to the logits, written over them, several threads per row.

struct Scalars {
  rows: u32,
  vocabulary: u32,
  smoothing: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> labels: array<i32>;
@group(0) @binding(1) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(2) var<storage, read> dLoss: array<f32>;
@group(0) @binding(3) var<storage, read_write> logits: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

override threads: u32; // per row, a divisor of 64

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * (64u / threads) + lane / threads;
  if (row >= s.rows) {
    return;
  }
  let label = labels[row];
  let lse = logSumExp[row];
  let factor = dLoss[0] * s.scale;
  let spread = s.smoothing / f32(s.vocabulary);
  for (var j = lane % threads; j < s.vocabulary; j += threads) {
    let at = row * s.vocabulary + j;
    let wanted = select(spread, 1.0 - s.smoothing + spread, i32(j) == label);
    logits[at] = select(factor * (exp(logits[at] - lse) - wanted), 0.0, label < 0);
  }
}
