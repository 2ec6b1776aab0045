// Gradient of cross-entropy by the logits, one row a workgroup.

struct Scalars {
  rows: u32,
  vocabulary: u32,
  smoothing: f32,
  scale: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(3) var<storage, read> dLoss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dLogits: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

fn gradientAt(row: u32, j: u32) -> f32 {
  let label = labels[row];
  if (label < 0) {
    return 0.0;
  }
  let spread = s.smoothing / f32(s.vocabulary);
  let wanted = select(spread, 1.0 - s.smoothing + spread, j == u32(label));
  let probability = exp(logits[row * s.vocabulary + j] - logSumExp[row]);
  return dLoss[0] * s.scale * (probability - wanted);
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
  for (var j = lane; j < s.vocabulary; j += 64u) {
    let at = row * s.vocabulary + j;
    let value = gradientAt(row, j);
    if (s.accumulate != 0u) {
      dLogits[at] += value;
    } else {
      dLogits[at] = value;
    }
  }
}
