// out[i, :] = table[ids[i] - first, :] where the table has that row, four elements per thread;
// neighboring threads read neighboring elements.

struct Scalars {
  count: u32,
  width: u32,
  first: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.count * s.width); i += 256u) {
    let row = ids[i / s.width] - s.first;
    if (row < s.rows) {
      out[i] = table[row * s.width + i % s.width];
    }
  }
}
