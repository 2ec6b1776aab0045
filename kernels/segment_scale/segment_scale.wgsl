// Rows scaled and shifted by the vectors of their group. A thread computes one element.

struct Scalars {
  rows: u32,
  time: u32,
  pieceCount: u32,
  groups: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> pieces: array<u32>;
@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read> vectors: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

// The last piece that begins at or before a row.
fn pieceOf(row: u32) -> u32 {
  var low = 0u;
  var high = s.pieceCount;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (pieces[3u * middle] <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 256u + lane;
  let position = index / s.width;
  if (position >= s.rows * s.time) {
    return;
  }
  let row = position / s.time;
  let piece = 3u * pieceOf(row);
  let place = places[pieces[piece + 2u]];
  if (place == 0u) {
    return;
  }
  let token = (pieces[piece + 1u] + row - pieces[piece]) * s.time + position % s.time;
  let j = index % s.width;
  let to = token * s.width + j;
  y[to] = vectors[place - 1u + j] * y[to] + vectors[place - 1u + j + s.width];
}
