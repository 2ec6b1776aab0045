// Rows of A times the matrices of the group that a row belongs to. A thread sums four columns of a row, of
// every part of its group.

struct Scalars {
  rows: u32,
  time: u32,
  pieceCount: u32,
  groups: u32,
  partCount: u32,
  tokens: u32,
  aStride: u32,
  cStride: u32,
  transposeB: u32,
  accumulate: u32,
  mostN: u32,
  mostK: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> pieces: array<u32>;
@group(0) @binding(3) var<storage, read> parts: array<u32>;
@group(0) @binding(4) var<storage, read> factors: array<f32>;
@group(0) @binding(5) var<storage, read_write> c: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

const next = vec4u(0u, 1u, 2u, 3u);

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

fn addPart(part: u32, row: u32, first: u32) {
  let n = parts[5u * part];
  let k = parts[5u * part + 1u];
  if (first >= n) {
    return;
  }
  // Columns past the last repeat it, and are not stored.
  let columns = min(first + next, vec4u(n - 1u));
  var y = parts[5u * part + 3u] + select(columns, columns * k, s.transposeB != 0u);
  let step = select(n, 1u, s.transposeB != 0u);
  var x = row * s.aStride + parts[5u * part + 2u];
  var sum = vec4f();
  for (var q = 0u; q < k; q++) {
    sum += a[x] * vec4f(b[y.x], b[y.y], b[y.z], b[y.w]);
    x++;
    y += step;
  }
  let to = row * s.cStride + parts[5u * part + 4u] + first;
  for (var j = 0u; j < min(4u, n - first); j++) {
    let value = factors[part] * sum[j];
    if (s.accumulate != 0u) {
      c[to + j] += value;
    } else {
      c[to + j] = value;
    }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let across = (s.mostN + 3u) / 4u;
  let position = index / across;
  if (position >= s.rows * s.time) {
    return;
  }
  let row = position / s.time;
  let piece = 3u * pieceOf(row);
  let token = (pieces[piece + 1u] + row - pieces[piece]) * s.time + position % s.time;
  for (var part = 0u; part < s.partCount; part++) {
    addPart(pieces[piece + 2u] * s.partCount + part, token, index % across * 4u);
  }
}
