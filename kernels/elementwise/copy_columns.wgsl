// Copies some columns of x to, or adds them to, some columns of y, four elements per thread.

struct Scalars {
  rows: u32,
  width: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
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
  for (var i = start; i < min(start + 1024u, s.rows * s.width); i += 256u) {
    let row = i / s.width;
    let column = i % s.width;
    let value = x[s.xOffset + row * s.xStride + column];
    let to = s.yOffset + row * s.yStride + column;
    if (s.accumulate != 0u) {
      y[to] += value;
    } else {
      y[to] = value;
    }
  }
}
