// Attention without stored probabilities for software adapters with subgroups of 8, where a broadcast
// is nearly free, a load costs as much as several multiply-adds and a barrier as much as ten loads. A
// subgroup takes 8 queries of one head, and 32 columns of their output, over the keys 8 at a time. A
// lane scores one query against 8 keys, so that maximum and sum need no other lane, then adds the keys
// to four columns of all 8 queries. Queries and keys beyond an edge repeat the last one and are never seen or
// stored; sums of columns beyond one are of whatever is there, and never stored.

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

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> logSumExp: array<f32>;
@group(0) @binding(7) var<uniform> s: Scalars;

// 1 when the head's width and all offsets and strides are multiples of four, so that every four columns are
// one vector in memory.
override aligned: u32;

// Buffers with the columns of a head.
const inQ = 0u;
const inK = 1u;
const inV = 2u;

alias Eight = mat2x4f; // a number for each of 8 rows

const lowest = -3.4028234663852886e38;

// x of every lane.
fn spread(x: f32) -> Eight {
  return Eight(
    subgroupBroadcast(x, 0u),
    subgroupBroadcast(x, 1u),
    subgroupBroadcast(x, 2u),
    subgroupBroadcast(x, 3u),
    subgroupBroadcast(x, 4u),
    subgroupBroadcast(x, 5u),
    subgroupBroadcast(x, 6u),
    subgroupBroadcast(x, 7u),
  );
}

fn times(a: Eight, b: Eight) -> Eight {
  return Eight(a[0] * b[0], a[1] * b[1]);
}

fn largestOf(x: Eight) -> f32 {
  let pairs = max(x[0], x[1]);
  return max(max(pairs.x, pairs.y), max(pairs.z, pairs.w));
}

fn sumOf(x: Eight) -> f32 {
  return dot(x[0] + x[1], vec4f(1.0));
}

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

// What a subgroup works on: batch entry and its rows, the head's first column, that of its keys and values,
// first query.
struct Place {
  b: u32,
  rows: Rows,
  column: u32,
  kvColumn: u32,
  start: u32,
}

// The row of k and v that holds a key.
fn kvRow(place: Place, key: u32) -> u32 {
  return place.rows.key + min(key, place.rows.keys - 1u);
}

fn vectorOf(which: u32, i: u32) -> vec4f {
  switch which {
    case inQ: { return q[i]; }
    case inK: { return k[i]; }
    default: { return v[i]; }
  }
}

// Columns d to d + 3 of the row of a head that starts at `at`.
fn fourOf(which: u32, at: u32, d: u32) -> vec4f {
  if (aligned != 0u) {
    return vectorOf(which, (at + d) / 4u);
  }
  var four = vec4f();
  for (var e = 0u; e < 4u && d + e < s.headWidth; e++) {
    four[e] = vectorOf(which, (at + d + e) / 4u)[(at + d + e) % 4u];
  }
  return four;
}

// Scores of 8 keys for this lane's query; each lane loads one of the keys for all.
fn scoresOf(place: Place, lane: u32, first: u32) -> Eight {
  let query = min(place.start + lane, place.rows.queries - 1u);
  let qAt = (place.rows.query + query) * s.qStride + s.qOffset + place.column;
  let kAt = kvRow(place, first + lane) * s.kStride + s.kOffset + place.kvColumn;
  var scores: Eight;
  for (var d = 0u; d < s.headWidth; d += 4u) {
    let own = fourOf(inQ, qAt, d);
    let others = fourOf(inK, kAt, d);
    scores += own.x * spread(others.x) + own.y * spread(others.y) + own.z * spread(others.z) +
      own.w * spread(others.w);
  }
  return s.scale * scores;
}

// 1 for keys that the mask shows; each lane loads that of one key for all.
fn shownOf(place: Place, key: u32) -> Eight {
  var shown = 1.0;
  if (s.hasMask != 0u) {
    shown = select(0.0, 1.0, mask[place.b * s.keys + min(key, s.keys - 1u)] != 0u);
  }
  return spread(shown);
}

// Four columns of 8 queries.
struct Sums {
  c0: Eight,
  c1: Eight,
  c2: Eight,
  c3: Eight,
}

fn scale(sums: ptr<function, Sums>, factor: Eight) {
  (*sums).c0 = times((*sums).c0, factor);
  (*sums).c1 = times((*sums).c1, factor);
  (*sums).c2 = times((*sums).c2, factor);
  (*sums).c3 = times((*sums).c3, factor);
}

// Adds a key, with weight p for this lane's query.
fn addKey(sums: ptr<function, Sums>, place: Place, p: f32, key: u32, column: u32) {
  let weights = spread(p);
  let four = fourOf(inV, kvRow(place, key) * s.vStride + s.vOffset + place.kvColumn, column);
  (*sums).c0 += four.x * weights;
  (*sums).c1 += four.y * weights;
  (*sums).c2 += four.z * weights;
  (*sums).c3 += four.w * weights;
}

// One loop: unrolled, it would take most of the compile time.
fn store(place: Place, column: u32, sums: Sums) {
  var columns = array<Eight, 4>(sums.c0, sums.c1, sums.c2, sums.c3);
  for (var i = 0u; i < 8u && place.start + i < place.rows.queries && column < s.headWidth; i++) {
    let row = place.rows.query + place.start + i;
    let at = row * s.heads * s.headWidth + place.column + column;
    let h = i / 4u;
    let r = i % 4u;
    let value = vec4f(columns[0][h][r], columns[1][h][r], columns[2][h][r], columns[3][h][r]);
    if (aligned != 0u) {
      out[at / 4u] = value;
      continue;
    }
    for (var e = 0u; e < min(4u, s.headWidth - column); e++) {
      out[(at + e) / 4u][(at + e) % 4u] = value[e];
    }
  }
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (s.queries + 7u) / 8u;
  let slices = (s.headWidth + 31u) / 32u;
  let index = group.y * groups.x + group.x;
  let head = index / (blocks * slices); // of all batch * heads
  if (head >= s.batch * s.heads) {
    return;
  }
  let start = index / slices % blocks * 8u;
  let rows = rowsOf(head / s.heads);
  if (start >= rows.queries) {
    return;
  }
  let kvColumn = head % s.heads * s.kvHeads / s.heads * s.headWidth;
  let place = Place(head / s.heads, rows, head % s.heads * s.headWidth, kvColumn, start);
  let query = start + lane;
  let column = index % slices * 32u + lane * 4u;
  let end = select(rows.keys, min(rows.keys, s.past + start + 8u), s.causal != 0u);
  let reach = select(rows.keys, min(rows.keys, s.past + query + 1u), s.causal != 0u);

  var sums: Sums;
  // A finite start: minus infinity minus itself would be NaN if a query sees no key.
  var largest = lowest;
  var total = 0.0;
  for (var first = 0u; first < end; first += 8u) {
    let scores = scoresOf(place, lane, first);
    let shown = shownOf(place, first + lane);
    let seen0 = (shown[0] > vec4f()) & (first + vec4u(0u, 1u, 2u, 3u) < vec4u(reach));
    let seen1 = (shown[1] > vec4f()) & (first + vec4u(4u, 5u, 6u, 7u) < vec4u(reach));
    let none = vec4f(lowest);
    let known = Eight(select(none, scores[0], seen0), select(none, scores[1], seen1));
    let next = max(largest, largestOf(known));
    // max() may swallow a NaN: exp() of the same score restores it.
    let p = Eight(
      select(vec4f(0.0), exp(scores[0] - next), seen0),
      select(vec4f(0.0), exp(scores[1] - next), seen1),
    );
    let shrink = exp(largest - next);
    largest = next;
    total = total * shrink + sumOf(p);
    scale(&sums, spread(shrink));
    for (var j = 0u; j < 8u; j++) {
      addKey(&sums, place, p[j / 4u][j % 4u], first + j, column);
    }
  }

  let nothing = total == 0.0;
  scale(&sums, spread(select(1.0 / total, 0.0, nothing)));
  store(place, column, sums);
  if (index % slices == 0u && query < rows.queries) {
    let statistics = rows.query * s.heads + head % s.heads * rows.queries;
    logSumExp[statistics + query] = select(largest + log(total), 0.0, nothing);
  }
}
