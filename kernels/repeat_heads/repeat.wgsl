// Each head of x as often as heads of queries share it, four elements per thread.

struct Scalars {
  rows: u32,
  heads: u32,
  group: u32,
  headWidth: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
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
  let width = s.heads * s.group * s.headWidth;
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.rows * width); i += 256u) {
    let row = i / width;
    let column = i % width;
    let source = column / (s.group * s.headWidth) * s.headWidth + column % s.headWidth;
    y[s.yOffset + row * s.yStride + column] = x[s.xOffset + row * s.xStride + source];
  }
}
