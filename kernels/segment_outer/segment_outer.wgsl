// Outer products of the rows of each piece, for every part of its group. A thread sums four elements of a row
// of C.

struct Scalars {
  rows: u32,
  time: u32,
  pieceCount: u32,
  groups: u32,
  partCount: u32,
  pStride: u32,
  qStride: u32,
  accumulate: u32,
  mostM: u32,
  mostN: u32,
}

@group(0) @binding(0) var<storage, read> p: array<f32>;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> pieces: array<u32>;
@group(0) @binding(3) var<storage, read> parts: array<u32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

const next = vec4u(0u, 1u, 2u, 3u);

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let across = (s.mostN + 3u) / 4u;
  let first = index % across * 4u;
  let i = index / across % s.mostM;
  let pair = index / (across * s.mostM);
  let piece = pair / s.partCount;
  if (piece >= s.pieceCount) {
    return;
  }
  let part = 5u * (pieces[3u * piece + 2u] * s.partCount + pair % s.partCount);
  let n = parts[part + 1u];
  if (i >= parts[part] || first >= n) {
    return;
  }
  var until = s.rows;
  if (piece + 1u < s.pieceCount) {
    until = pieces[3u * piece + 3u];
  }
  let row = pieces[3u * piece + 1u] * s.time;
  let count = (until - pieces[3u * piece]) * s.time;
  // Columns past the last repeat it, and are not stored.
  var y = row * s.qStride + parts[part + 3u] + min(first + next, vec4u(n - 1u));
  var x = row * s.pStride + parts[part + 2u] + i;
  var sum = vec4f();
  for (var r = 0u; r < count; r++) {
    sum += p[x] * vec4f(q[y.x], q[y.y], q[y.z], q[y.w]);
    x += s.pStride;
    y += s.qStride;
  }
  let to = parts[part + 4u] + i * n + first;
  for (var j = 0u; j < min(4u, n - first); j++) {
    if (s.accumulate != 0u) {
      c[to + j] += sum[j];
    } else {
      c[to + j] = sum[j];
    }
  }
}
