// Each token's row beside those of its neighbors, four elements per thread.

struct Scalars {
  batch: u32,
  time: u32,
  width: u32,
  taps: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

fn valueOf(at: u32) -> f32 {
  let o = at % s.taps;
  let token = at / s.taps / s.width;
  // Below 0 they wrap, which is past the end too.
  let t = token % s.time + o - (s.taps - 1u) / 2u;
  if (t >= s.time) {
    return 0.0;
  }
  let neighbor = token - token % s.time + t;
  if (s.hasMask != 0u && mask[neighbor] == 0u) {
    return 0.0;
  }
  return x[neighbor * s.width + at / s.taps % s.width];
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  let size = s.batch * s.time * s.width * s.taps;
  for (var at = start; at < min(start + 1024u, size); at += 256u) {
    y[at] = valueOf(at);
  }
}
