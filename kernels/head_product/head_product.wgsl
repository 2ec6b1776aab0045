// One product for each head of each group. A workgroup takes 32 x 32 elements of one of them; thread (ty, tx)
// of 8 x 8 sums the rows ty + 8 r and the columns tx + 8 c: 16 multiply-adds for 8 loads. Rows and columns
// beyond an edge repeat the last one: in bounds, and never stored.

struct Scalars {
  groups: u32,
  heads: u32,
  m: u32,
  n: u32,
  k: u32,
  transposeA: u32,
  transposeB: u32,
  alpha: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

const eights = vec4u(0u, 8u, 16u, 24u);

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let across = (s.n + 31u) / 32u;
  let tiles = (s.m + 31u) / 32u * across;
  let index = group.y * groups.x + group.x;
  let unit = index / tiles;
  if (unit >= s.groups * s.heads) {
    return;
  }
  let g = unit / s.heads;
  let h = unit % s.heads;
  let rows = index % tiles / across * 32u + lane / 8u + eights;
  let columns = index % across * 32u + lane % 8u + eights;
  let i = min(rows, vec4u(s.m - 1u));
  let j = min(columns, vec4u(s.n - 1u));

  // Where the first terms of the sums are, and how far the next ones.
  var x = ((g * s.m + i) * s.heads + h) * s.k;
  var xStep = 1u;
  if (s.transposeA != 0u) {
    x = (g * s.k * s.heads + h) * s.m + i;
    xStep = s.heads * s.m;
  }
  var y = (g * s.k * s.heads + h) * s.n + j;
  var yStep = s.heads * s.n;
  if (s.transposeB != 0u) {
    y = ((g * s.n + j) * s.heads + h) * s.k;
    yStep = 1u;
  }
  var sums: mat4x4f; // a column of C, four of its rows
  for (var p = 0u; p < s.k; p++) {
    let left = vec4f(a[x.x], a[x.y], a[x.z], a[x.w]);
    sums[0] += left * b[y.x];
    sums[1] += left * b[y.y];
    sums[2] += left * b[y.z];
    sums[3] += left * b[y.w];
    x += xStep;
    y += yStep;
  }

  for (var element = 0u; element < 16u; element++) {
    let row = rows[element % 4u];
    let column = columns[element / 4u];
    if (row < s.m && column < s.n) {
      let at = ((g * s.m + row) * s.heads + h) * s.n + column;
      let value = s.alpha * sums[element / 4u][element % 4u];
      if (s.accumulate != 0u) {
        c[at] += value;
      } else {
        c[at] = value;
      }
    }
  }
}
