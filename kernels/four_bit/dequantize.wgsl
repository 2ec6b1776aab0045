// Values in 4 bits to F32, a word of eight codes per thread: two a byte, the first in the high half. A word has one
// scale, as blocks are multiples of eight values; the first and the last word may reach beyond the values wanted.

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
  let end = s.valueOffset + s.size;
  let word = s.valueOffset / 8u + (group.y * groups.x + group.x) * 256u + lane;
  if (word * 8u >= end) {
    return;
  }
  let codes = packed[word];
  let scale = scales[word * 8u / s.blockSize];
  for (var v = max(word * 8u, s.valueOffset); v < min(word * 8u + 8u, end); v++) {
    y[v - s.valueOffset] = values[(codes >> (4u * ((v % 8u) ^ 1u))) & 15u] * scale;
  }
}
