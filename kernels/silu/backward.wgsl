// Gradient of x / (1 + exp(-x)), four elements per thread.

struct Scalars {
  size: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
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
    let value = x[i];
    // 1 - sigmoid = e * sigmoid, without cancellation; up to exp(80) nothing overflows. A NaN that min()
    // swallows is still in the last factor.
    let e = exp(min(-value, 80.0));
    let sigmoid = 1.0 / (1.0 + e);
    let slope = dy[i] * sigmoid * (1.0 + value * (e * sigmoid));
    if (s.accumulate != 0u) {
      dx[i] += slope;
    } else {
      dx[i] = slope;
    }
  }
}
