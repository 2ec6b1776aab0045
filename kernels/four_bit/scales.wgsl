// scales[i] = map[codes[i]] * nested[i / 256] + the last value of nested, four elements per thread; four codes
// are in a word.

struct Scalars {
  count: u32,
}

@group(0) @binding(0) var<storage, read> codes: array<u32>;
@group(0) @binding(1) var<storage, read> map: array<f32>;
@group(0) @binding(2) var<storage, read> nested: array<f32>;
@group(0) @binding(3) var<storage, read_write> scales: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  let offset = nested[(s.count + 255u) / 256u];
  for (var i = start; i < min(start + 1024u, s.count); i += 256u) {
    let code = (codes[i / 4u] >> (8u * (i % 4u))) & 255u;
    scales[i] = map[code] * nested[i / 256u] + offset;
  }
}
