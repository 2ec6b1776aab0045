// Values in 4 bits to F32, four elements per thread. Neighboring threads write neighboring elements and read the
// same word, which has eight codes: two a byte, the first in the high half.

struct Scalars {
  size: u32,
  valueOffset: u32,
  blockSize: u32,
}

@group(0) @binding(0) var<storage, read> packed: array<u32>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.size); i += 256u) {
    let v = s.valueOffset + i;
    let code = (packed[v / 8u] >> (4u * ((v % 8u) ^ 1u))) & 15u;
    y[i] = values[code] * scales[v / s.blockSize];
  }
}
