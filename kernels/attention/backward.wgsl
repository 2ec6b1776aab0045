// Gradient of self-attention. Two kinds of workgroup share the dispatch, each with 32 rows of one head:
// one computes dq and delta of 32 queries, the other dk and dv of 32 keys. Both recompute the
// probabilities. Each row of dQkv is summed by one thread in a fixed order: without atomics, the bits
// are the same every time.
//
// The 64 threads form 8 rows of 8. Thread (ty, tx) holds four of the workgroup's own rows, ty + 8 r, as
// the components of vectors, and loops over the other rows 32 at a time: it computes the weights of its
// own rows and rows tx + 8 c, then adds all 32 to the columns tx + 8 e + 32 chunk. Rows and columns
// beyond an edge repeat the last one: in bounds, with weight zero, and never stored.

struct Scalars {
  batch: u32,
  heads: u32,
  headWidth: u32,
  time: u32,
  scale: f32,
  causal: u32,
  hasMask: u32,
  packedRows: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> out: array<f32>;
@group(0) @binding(4) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(5) var<storage, read> dOut: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dQkv: array<f32>;
@group(0) @binding(8) var<uniform> s: Scalars;

// Known at compile time, so that the loops over chunks unroll and the sums stay in registers.
override chunks: u32; // of 32 columns of a head

const eights = vec4u(0u, 8u, 16u, 24u);

alias Sums = array<vec4f, 16>; // [chunk, r]: four columns of an own row

var<workgroup> slopes: array<vec4f, 256>; // [other row, ty]: ds
var<workgroup> weights: array<vec4f, 256>; // [other row, ty]: p
var<workgroup> deltas: array<f32, 32>; // of 32 queries

// What a workgroup works on: batch entry, its first row and its number of rows, the head's
// first number in logSumExp and delta and its first column, its own first row.
struct Place {
  b: u32,
  first: u32,
  time: u32,
  statistics: u32,
  column: u32,
  start: u32,
}

// The head of an index among all batch * heads; packed sequences have lengths of their own.
fn placeOf(head: u32, start: u32) -> Place {
  let b = head / s.heads;
  let h = head % s.heads;
  var first = b * s.time;
  var time = s.time;
  if (s.packedRows != 0u) {
    first = starts[b];
    time = starts[b + 1u] - first;
  }
  return Place(b, first, time, first * s.heads + h * time, h * s.headWidth, start);
}

// For each of four keys, a vector over four queries.
struct Weights {
  p: mat4x4f,
  ds: mat4x4f,
}

// Where rows of q (part 0), k (1) or v (2) start.
fn qkvRows(place: Place, rows: vec4u, part: u32) -> vec4u {
  let row = place.first + min(rows, vec4u(place.time - 1u));
  return (row * 3u + part) * s.heads * s.headWidth + place.column;
}

fn outRows(place: Place, rows: vec4u) -> vec4u {
  let row = place.first + min(rows, vec4u(place.time - 1u));
  return row * s.heads * s.headWidth + place.column;
}

fn deltaOf(place: Place, i: u32) -> f32 {
  let at = outRows(place, vec4u(i)).x;
  var sum = 0.0;
  for (var d = 0u; d < s.headWidth; d++) {
    sum += dOut[at + d] * out[at + d];
  }
  return sum;
}

// Which of four queries see key j.
fn sees(place: Place, queries: vec4u, j: u32) -> vec4<bool> {
  var seen = j < place.time;
  if (seen && s.hasMask != 0u) {
    seen = mask[place.b * s.time + j] != 0u;
  }
  let reached = vec4<bool>(s.causal == 0u) | (vec4u(j) <= queries);
  return vec4<bool>(seen) & reached & (queries < vec4u(place.time));
}

// p and ds of four queries, the first of them at `offset` in deltas, and four keys.
fn weigh(place: Place, queries: vec4u, offset: u32, keys: vec4u) -> Weights {
  let qs = qkvRows(place, queries, 0u);
  let given = outRows(place, queries);
  let ks = qkvRows(place, keys, 1u);
  let vs = qkvRows(place, keys, 2u);
  var score: mat4x4f;
  var dp: mat4x4f;
  for (var d = 0u; d < s.headWidth; d++) {
    let x = vec4f(qkv[qs.x + d], qkv[qs.y + d], qkv[qs.z + d], qkv[qs.w + d]);
    score[0] += x * qkv[ks.x + d];
    score[1] += x * qkv[ks.y + d];
    score[2] += x * qkv[ks.z + d];
    score[3] += x * qkv[ks.w + d];
    let g = vec4f(dOut[given.x + d], dOut[given.y + d], dOut[given.z + d], dOut[given.w + d]);
    dp[0] += g * qkv[vs.x + d];
    dp[1] += g * qkv[vs.y + d];
    dp[2] += g * qkv[vs.z + d];
    dp[3] += g * qkv[vs.w + d];
  }
  let at = place.statistics + min(queries, vec4u(place.time - 1u));
  let lse = vec4f(logSumExp[at.x], logSumExp[at.y], logSumExp[at.z], logSumExp[at.w]);
  let del = vec4f(
    deltas[offset], deltas[offset + 8u], deltas[offset + 16u], deltas[offset + 24u],
  );
  var result: Weights;
  for (var c = 0u; c < 4u; c++) {
    let p = select(vec4f(0.0), exp(s.scale * score[c] - lse), sees(place, queries, keys[c]));
    result.p[c] = p;
    result.ds[c] = s.scale * p * (dp[c] - del);
  }
  return result;
}

// Adds a row of another matrix, four of its columns in x, to four own rows.
fn add(sums: ptr<function, Sums>, chunk: u32, weight: vec4f, x: vec4f) {
  (*sums)[chunk * 4u] += weight.x * x;
  (*sums)[chunk * 4u + 1u] += weight.y * x;
  (*sums)[chunk * 4u + 2u] += weight.z * x;
  (*sums)[chunk * 4u + 3u] += weight.w * x;
}

fn columnsAt(row: u32, chunk: u32, tx: u32) -> vec4u {
  return row + min(chunk * 32u + tx + eights, vec4u(s.headWidth - 1u));
}

fn store(place: Place, rows: vec4u, part: u32, tx: u32, sums: ptr<function, Sums>) {
  for (var r = 0u; r < 4u; r++) {
    if (rows[r] >= place.time) {
      continue;
    }
    let row = qkvRows(place, rows, part)[r];
    for (var chunk = 0u; chunk < chunks; chunk++) {
      let x = (*sums)[chunk * 4u + r];
      for (var e = 0u; e < 4u; e++) {
        let d = chunk * 32u + tx + 8u * e;
        if (d < s.headWidth) {
          dQkv[row + d] = x[e];
        }
      }
    }
  }
}

fn gradientOfQueries(place: Place, lane: u32) {
  let tx = lane % 8u;
  let ty = lane / 8u;
  let queries = place.start + ty + eights;
  if (lane < 32u) {
    let own = deltaOf(place, place.start + lane);
    deltas[lane] = own;
    if (place.start + lane < place.time) {
      delta[place.statistics + place.start + lane] = own;
    }
  }
  var sums: Sums;
  let end = select(place.time, min(place.time, place.start + 32u), s.causal != 0u);
  for (var first = 0u; first < end; first += 32u) {
    workgroupBarrier(); // deltas are written; slopes are no longer read
    let own = weigh(place, queries, ty, first + tx + eights);
    for (var c = 0u; c < 4u; c++) {
      slopes[(tx + 8u * c) * 8u + ty] = own.ds[c];
    }
    workgroupBarrier();
    for (var j = 0u; j < min(32u, end - first); j++) {
      let ds = slopes[j * 8u + ty];
      let row = qkvRows(place, vec4u(first + j), 1u).x;
      for (var chunk = 0u; chunk < chunks; chunk++) {
        let at = columnsAt(row, chunk, tx);
        add(&sums, chunk, ds, vec4f(qkv[at.x], qkv[at.y], qkv[at.z], qkv[at.w]));
      }
    }
  }
  store(place, queries, 0u, tx, &sums);
}

fn gradientOfKeys(place: Place, lane: u32) {
  let tx = lane % 8u;
  let ty = lane / 8u;
  let keys = place.start + ty + eights;
  var keySums: Sums;
  var valueSums: Sums;
  // Queries before the keys see none of them.
  for (var first = select(0u, place.start, s.causal != 0u); first < place.time; first += 32u) {
    if (lane < 32u) {
      deltas[lane] = deltaOf(place, first + lane);
    }
    workgroupBarrier(); // deltas are written; weights and slopes are no longer read
    let theirs = weigh(place, first + tx + eights, tx, keys);
    let p = transpose(theirs.p);
    let ds = transpose(theirs.ds);
    for (var c = 0u; c < 4u; c++) {
      weights[(tx + 8u * c) * 8u + ty] = p[c];
      slopes[(tx + 8u * c) * 8u + ty] = ds[c];
    }
    workgroupBarrier();
    for (var i = 0u; i < min(32u, place.time - first); i++) {
      let row = qkvRows(place, vec4u(first + i), 0u).x;
      let outRow = outRows(place, vec4u(first + i)).x;
      for (var chunk = 0u; chunk < chunks; chunk++) {
        let at = columnsAt(row, chunk, tx);
        add(&keySums, chunk, slopes[i * 8u + ty], vec4f(qkv[at.x], qkv[at.y], qkv[at.z], qkv[at.w]));
        let to = columnsAt(outRow, chunk, tx);
        add(
          &valueSums, chunk, weights[i * 8u + ty],
          vec4f(dOut[to.x], dOut[to.y], dOut[to.z], dOut[to.w]),
        );
      }
    }
  }
  store(place, keys, 1u, tx, &keySums);
  store(place, keys, 2u, tx, &valueSums);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (s.time + 31u) / 32u;
  let index = group.y * groups.x + group.x;
  let head = index / 2u / blocks;
  if (head >= s.batch * s.heads) {
    return;
  }
  let block = index / 2u % blocks;
  let place = placeOf(head, block * 32u);
  if (place.start >= place.time) {
    return;
  }
  if (index % 2u == 0u) {
    gradientOfQueries(place, lane);
  } else {
    gradientOfKeys(place, lane);
  }
}
