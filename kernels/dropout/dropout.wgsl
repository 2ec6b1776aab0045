// Inverted dropout, four elements per thread. `hash32` is that of src/core/random.ts, bit for bit, so
// that the mask is the same on every device and in the backward pass.

struct Scalars {
  size: u32,
  seed: u32,
  threshold: u32,
  keepScale: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

fn hash32(seed: u32, index: u32) -> u32 {
  var h = (index * 0x9e3779b9u) ^ seed;
  h = (h ^ (h >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.size); i += 256u) {
    let value = select(s.keepScale * x[i], 0.0, hash32(s.seed, i) < s.threshold);
    if (s.accumulate != 0u) {
      y[i] += value;
    } else {
      y[i] = value;
    }
  }
}
