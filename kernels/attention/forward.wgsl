// Attention without stored probabilities (Dao et al. 2022, algorithm 1): a workgroup takes 32 queries
// of one head over the keys, 32 at a time, with a running maximum and sum for every query.
//
// The 64 threads form 8 rows of 8. Thread (ty, tx) holds four queries, ty + 8 r, as the components of
// vectors. It scores them against the keys tx + 8 c, then adds all 32 keys to the columns tx + 8 e + 32
// chunk of the output: both are small matrix products, 16 multiply-adds for 8 loads. Queries, keys and
// columns beyond an edge repeat the last one: in bounds, and never seen or stored.

struct Scalars {
  batch: u32,
  heads: u32,
  kvHeads: u32,
  headWidth: u32,
  queries: u32,
  keys: u32,
  past: u32,
  qStride: u32,
  qOffset: u32,
  kStride: u32,
  kOffset: u32,
  vStride: u32,
  vOffset: u32,
  kvRows: u32,
  scale: f32,
  causal: u32,
  hasMask: u32,
  packedRows: u32,
}

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> logSumExp: array<f32>;
@group(0) @binding(7) var<uniform> s: Scalars;

// Known at compile time, so that the loop over chunks unrolls and the sums stay in registers.
override chunks: u32; // of 32 columns of a head

const lowest = -3.4028234663852886e38;

var<workgroup> maxima: array<vec4f, 64>; // [ty, tx]: over a thread's keys
var<workgroup> weights: array<vec4f, 256>; // [key, ty]: of the keys of this round

// The rows of one sequence: its first of q and of k and v, and how many it has of each.
struct Rows {
  query: u32,
  key: u32,
  queries: u32,
  keys: u32,
}

// Packed sequences have lengths of their own.
fn rowsOf(b: u32) -> Rows {
  if (s.packedRows == 0u) {
    return Rows(b * s.queries, b * s.kvRows, s.queries, s.keys);
  }
  let start = starts[b];
  let length = starts[b + 1u] - start;
  return Rows(start, start, length, length);
}

// The keys' scores for the four queries whose rows of q start at `rows`.
fn scoresOf(rows: vec4u, keys: vec4u) -> mat4x4f {
  var s0 = vec4f(0.0);
  var s1 = vec4f(0.0);
  var s2 = vec4f(0.0);
  var s3 = vec4f(0.0);
  for (var d = 0u; d < s.headWidth; d++) {
    let x = vec4f(q[rows.x + d], q[rows.y + d], q[rows.z + d], q[rows.w + d]);
    s0 += x * k[keys.x + d];
    s1 += x * k[keys.y + d];
    s2 += x * k[keys.z + d];
    s3 += x * k[keys.w + d];
  }
  return mat4x4f(s0 * s.scale, s1 * s.scale, s2 * s.scale, s3 * s.scale);
}

// Which of the four queries see key j of so many.
fn sees(b: u32, keys: u32, queries: vec4u, j: u32) -> vec4<bool> {
  var seen = j < keys;
  if (seen && s.hasMask != 0u) {
    seen = mask[b * s.keys + j] != 0u;
  }
  let reach = select(vec4u(keys), s.past + queries + 1u, vec4<bool>(s.causal != 0u));
  return vec4<bool>(seen) & (vec4u(j) < reach);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (s.queries + 31u) / 32u;
  let index = group.y * groups.x + group.x;
  let head = index / blocks; // of all batch * heads
  if (head >= s.batch * s.heads) {
    return;
  }
  let start = index % blocks * 32u;
  let b = head / s.heads;
  let rows = rowsOf(b);
  if (start >= rows.queries) {
    return;
  }
  let column = head % s.heads * s.headWidth;
  let kvColumn = head % s.heads * s.kvHeads / s.heads * s.headWidth;
  let statistics = rows.query * s.heads + head % s.heads * rows.queries;
  let ty = lane / 8u;
  let tx = lane % 8u;
  let queries = start + ty + vec4u(0u, 8u, 16u, 24u);
  let qRows = (rows.query + min(queries, vec4u(rows.queries - 1u))) * s.qStride + s.qOffset + column;
  let end = select(rows.keys, min(rows.keys, s.past + start + 32u), s.causal != 0u);

  var sums: array<vec4f, 16>; // [chunk, r]: four columns of a query
  for (var i = 0u; i < 4u * chunks; i++) {
    sums[i] = vec4f(0.0);
  }
  // A finite start: minus infinity minus itself would be NaN if a query sees no key.
  var largest = vec4f(lowest);
  var total = vec4f(0.0);
  for (var first = 0u; first < end; first += 32u) {
    let keys = first + tx + vec4u(0u, 8u, 16u, 24u);
    let kRows = (rows.key + min(keys, vec4u(rows.keys - 1u))) * s.kStride + s.kOffset + kvColumn;
    var scores = scoresOf(qRows, kRows);
    let seen0 = sees(b, rows.keys, queries, keys.x);
    let seen1 = sees(b, rows.keys, queries, keys.y);
    let seen2 = sees(b, rows.keys, queries, keys.z);
    let seen3 = sees(b, rows.keys, queries, keys.w);
    let none = vec4f(lowest);
    maxima[lane] = max(
      max(select(none, scores[0], seen0), select(none, scores[1], seen1)),
      max(select(none, scores[2], seen2), select(none, scores[3], seen3)),
    );
    workgroupBarrier();
    var next = largest;
    for (var x = 0u; x < 8u; x++) {
      next = max(next, maxima[ty * 8u + x]);
    }
    // max() may swallow a NaN: exp() of the same score restores it.
    weights[tx * 8u + ty] = select(vec4f(0.0), exp(scores[0] - next), seen0);
    weights[(tx + 8u) * 8u + ty] = select(vec4f(0.0), exp(scores[1] - next), seen1);
    weights[(tx + 16u) * 8u + ty] = select(vec4f(0.0), exp(scores[2] - next), seen2);
    weights[(tx + 24u) * 8u + ty] = select(vec4f(0.0), exp(scores[3] - next), seen3);
    let shrink = exp(largest - next);
    largest = next;
    total *= shrink;
    for (var chunk = 0u; chunk < chunks; chunk++) {
      sums[chunk * 4u] *= shrink.x;
      sums[chunk * 4u + 1u] *= shrink.y;
      sums[chunk * 4u + 2u] *= shrink.z;
      sums[chunk * 4u + 3u] *= shrink.w;
    }
    workgroupBarrier();
    for (var j = 0u; j < min(32u, end - first); j++) {
      let p = weights[j * 8u + ty];
      total += p;
      let vRow = (rows.key + first + j) * s.vStride + s.vOffset + kvColumn;
      for (var chunk = 0u; chunk < chunks; chunk++) {
        let at = vRow + min(chunk * 32u + tx + vec4u(0u, 8u, 16u, 24u), vec4u(s.headWidth - 1u));
        let x = vec4f(v[at.x], v[at.y], v[at.z], v[at.w]);
        sums[chunk * 4u] += p.x * x;
        sums[chunk * 4u + 1u] += p.y * x;
        sums[chunk * 4u + 2u] += p.z * x;
        sums[chunk * 4u + 3u] += p.w * x;
      }
    }
  }

  for (var r = 0u; r < 4u; r++) {
    let i = queries[r];
    if (i >= rows.queries) {
      continue;
    }
    let nothing = total[r] == 0.0;
    let row = (rows.query + i) * s.heads * s.headWidth + column;
    for (var chunk = 0u; chunk < chunks; chunk++) {
      let x = select(sums[chunk * 4u + r] / total[r], vec4f(0.0), nothing);
      for (var e = 0u; e < 4u; e++) {
        let d = chunk * 32u + tx + 8u * e;
        if (d < s.headWidth) {
          out[row + d] = x[e];
        }
      }
    }
    if (tx == 0u) {
      logSumExp[statistics + i] = select(largest[r] + log(total[r]), 0.0, nothing);
    }
  }
}
