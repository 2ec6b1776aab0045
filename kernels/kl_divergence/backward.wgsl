// Gradient of the KL divergence with respect to the student's logits, one row per workgroup.

struct Scalars {
  rows: u32,
  vocabulary: u32,
  scale: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> teacher: array<f32>;
@group(0) @binding(2) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(3) var<storage, read> teacherLogSumExp: array<f32>;
@group(0) @binding(4) var<storage, read> dLoss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dLogits: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

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
    let q = exp(logits[at] - logSumExp[row]);
    let p = exp(teacher[at] - teacherLogSumExp[row]);
    let value = dLoss[0] * s.scale * (q - p);
    if (s.accumulate != 0u) {
      dLogits[at] += value;
    } else {
      dLogits[at] = value;
    }
  }
}
