// Rotary position embedding, four pairs per thread.

struct Scalars {
  rows: u32,
  heads: u32,
  half: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
  direction: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

fn rotate(row: u32, pair: u32) {
  let i = pair % s.half;
  let column = 2u * pair - i;
  let angle = positions[row] * 2u * s.half + i;
  let cosine = table[angle];
  let sine = s.direction * table[angle + s.half];
  let at = row * s.xStride + s.xOffset + column;
  let first = x[at];
  let second = x[at + s.half];
  var rotated = vec2f(first * cosine - second * sine, second * cosine + first * sine);
  let to = row * s.yStride + s.yOffset + column;
  if (s.accumulate != 0u) {
    rotated += vec2f(y[to], y[to + s.half]);
  }
  y[to] = rotated.x;
  y[to + s.half] = rotated.y;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pairs = s.heads * s.half;
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.rows * pairs); i += 256u) {
    rotate(i / pairs, i % pairs);
  }
}
