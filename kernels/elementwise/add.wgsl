// out = a + b, four elements per thread.

struct Scalars {
  size: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(3) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let v = (group.y * groups.x + group.x) * 256u + lane;
  if (4u * v >= s.size) {
    return;
  }
  let value = a[v] + b[v];
  if (4u * v + 4u <= s.size) {
    out[v] = value;
    return;
  }
  for (var e = 0u; e < s.size % 4u; e++) {
    out[v][e] = value[e];
  }
}
