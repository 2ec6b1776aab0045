// The sum of the heads of x that one head of y was repeated to, four elements per thread.

struct Scalars {
  rows: u32,
  heads: u32,
  group: u32,
  headWidth: u32,
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
  let width = s.heads * s.headWidth;
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.rows * width); i += 256u) {
    let row = i / width;
    let column = i % width;
    let first = column / s.headWidth * s.group * s.headWidth + column % s.headWidth;
    let at = s.xOffset + row * s.xStride + first;
    let to = s.yOffset + row * s.yStride + column;
    var sum = select(0.0, y[to], s.accumulate != 0u);
    for (var c = 0u; c < s.group; c++) {
      sum += x[at + c * s.headWidth];
    }
    y[to] = sum;
  }
}
