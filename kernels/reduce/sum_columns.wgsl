// y[j] = (accumulate ? y[j] : 0) + sum of column j. A thread sums four columns of every fourth block of rows;
// neighboring threads read neighboring elements. Blocks of rows are summed separately: the rounding error
// grows with their number and their length, not with the number of rows.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

// 1 when the width is a multiple of four.
override aligned: u32;

const blockRows = 16u;

var<workgroup> shares: array<vec4f, 64>;

// Columns j to j + 3 of a row.
fn fourOf(row: u32, j: u32) -> vec4f {
  let at = row * s.width + j;
  if (aligned != 0u) {
    return x[at / 4u];
  }
  var four = vec4f();
  for (var e = 0u; e < 4u && j + e < s.width; e++) {
    four[e] = x[(at + e) / 4u][(at + e) % 4u];
  }
  return four;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let j = index * 64u + 4u * (lane % 16u);
  var total = vec4f();
  if (j < s.width) {
    for (var start = lane / 16u * blockRows; start < s.rows; start += 4u * blockRows) {
      let end = min(s.rows, start + blockRows);
      var block = vec4f();
      for (var row = start; row < end; row++) {
        block += fourOf(row, j);
      }
      total += block;
    }
  }
  shares[lane] = total;
  workgroupBarrier();
  let column = index * 64u + lane;
  if (column >= s.width) {
    return;
  }
  var sum = 0.0;
  for (var q = lane / 4u; q < 64u; q += 16u) {
    sum += shares[q][lane % 4u];
  }
  if (s.accumulate != 0u) {
    sum += y[column];
  }
  y[column] = sum;
}
