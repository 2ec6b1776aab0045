// y = (accumulate ? y : 0) + alpha * x on a contiguous span of each, four elements per thread.

struct Scalars {
  size: u32,
  xOffset: u32,
  yOffset: u32,
  alpha: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.size); i += 256u) {
    let value = s.alpha * x[s.xOffset + i];
    // A branch, not a factor of zero: the old y may be NaN.
    if (s.accumulate != 0u) {
      y[s.yOffset + i] += value;
    } else {
      y[s.yOffset + i] = value;
    }
  }
}
