// Gradient of max(0, x) from its result, four elements per thread.

struct Scalars {
  size: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.size); i += 256u) {
    let value = select(dy[i], 0.0, y[i] <= 0.0);
    if (s.accumulate != 0u) {
      dx[i] += value;
    } else {
      dx[i] = value;
    }
  }
}
