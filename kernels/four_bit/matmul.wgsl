// y = x W^T + bias with W in 4 bits: a workgroup computes eight columns for four rows of x. The eight threads of a
// column take the words of its row of W in turn, eight codes each, and their shares of the sums are added after one
// barrier. A word has one scale, as blocks are multiples of eight values; the first and the last word may belong to
// the rows beside it.

struct Scalars {
  m: u32,
  n: u32,
  k: u32,
  blockSize: u32,
  hasBias: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> packed: array<u32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

var<workgroup> shares: array<vec4f, 64>;

// A thread's share of the sums of four rows of x, which begin at `rows`, and the row of W that begins at a value.
fn shareOf(rows: vec4u, start: u32, first: u32) -> vec4f {
  let end = start + s.k;
  var share = vec4f();
  for (var word = start / 8u + first; word * 8u < end; word += 8u) {
    let codes = packed[word];
    let scale = scales[word * 8u / s.blockSize];
    for (var v = max(word * 8u, start); v < min(word * 8u + 8u, end); v++) {
      let value = values[(codes >> (4u * ((v % 8u) ^ 1u))) & 15u] * scale;
      let at = rows + (v - start);
      share += value * vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
    }
  }
  return share;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let fours = (s.m + 3u) / 4u;
  let index = group.y * groups.x + group.x;
  let column = (index / fours) * 8u + lane / 8u;
  let row = (index % fours) * 4u;
  let first = lane % 8u;
  // Columns and rows past the end repeat the last one, for the barrier, and store nothing.
  let rows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(s.m - 1u)) * s.k;
  shares[lane] = shareOf(rows, min(column, s.n - 1u) * s.k, first);
  workgroupBarrier();
  if (column >= s.n || first >= 4u || row + first >= s.m) {
    return;
  }
  var total = 0.0;
  for (var l = 0u; l < 8u; l++) {
    total += shares[lane - first + l][first];
  }
  if (s.hasBias == 1u) {
    total += bias[column];
  }
  y[(row + first) * s.n + column] = total;
}
