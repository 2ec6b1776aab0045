// Gradient of self-attention for software adapters with subgroups of 8, designed like
// forward_subgroup.wgsl. Two kinds of subgroup share the dispatch, each with 8 rows of one head and 32
// columns of their gradients: one computes dq and delta, the other dk and dv. Both recompute the
// weights of 8 queries by 8 keys, one of their own rows per lane, in the same statements, as code of their own
// would compile for as long again. Rows beyond an edge repeat the last one, with weight
// zero; sums of columns beyond one are of whatever is there, and never stored.

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

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> out: array<vec4f>;
@group(0) @binding(4) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(5) var<storage, read> dOut: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dQkv: array<vec4f>;
@group(0) @binding(8) var<uniform> s: Scalars;

// 1 when the head's width is a multiple of four, so that every four columns are one vector in memory.
override aligned: u32;

// Buffers with the columns of a head.
const inQkv = 0u;
const inOut = 1u;
const inDOut = 2u;

alias Eight = mat2x4f; // a number for each of 8 rows

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

// What a subgroup works on: batch entry, its first row and its number of rows, the head's
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

// Where a row of q (part 0), k (1) or v (2) starts.
fn qkvRow(place: Place, row: u32, part: u32) -> u32 {
  let token = place.first + min(row, place.time - 1u);
  return (token * 3u + part) * s.heads * s.headWidth + place.column;
}

fn outRow(place: Place, row: u32) -> u32 {
  return (place.first + min(row, place.time - 1u)) * s.heads * s.headWidth + place.column;
}

fn vectorOf(which: u32, i: u32) -> vec4f {
  switch which {
    case inQkv: { return qkv[i]; }
    case inOut: { return out[i]; }
    default: { return dOut[i]; }
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

// Which of four queries and keys, of `time`, see each other, if the mask shows the keys.
fn sees(time: u32, queries: vec4u, keys: vec4u) -> vec4<bool> {
  let reach = select(vec4u(time), min(vec4u(time), queries + 1u), s.causal != 0u);
  return (keys < reach) & (queries < vec4u(time));
}

// 1 if the mask shows a key, else 0.
fn shownOf(place: Place, key: u32) -> f32 {
  if (s.hasMask == 0u) {
    return 1.0;
  }
  return select(0.0, 1.0, mask[place.b * s.time + min(key, s.time - 1u)] != 0u);
}

// dOut · out of a query.
fn deltaOf(place: Place, query: u32) -> f32 {
  let at = outRow(place, query);
  var delta = 0.0;
  for (var d = 0u; d < s.headWidth; d += 4u) {
    delta += dot(fourOf(inDOut, at, d), fourOf(inOut, at, d));
  }
  return delta;
}

// Weights of 8 rows for this lane's row.
struct Weights {
  p: Eight,
  ds: Eight,
}

// Four terms of the products of this lane's row by those of all lanes.
fn terms(own: vec4f, others: vec4f) -> Eight {
  return own.x * spread(others.x) + own.y * spread(others.y) + own.z * spread(others.z) +
    own.w * spread(others.w);
}

// Whether this lane's row sees the four others that start at `first`, or they see it, if it is a key.
fn seen(place: Place, ofKeys: bool, lane: u32, first: u32) -> vec4<bool> {
  let own = vec4u(place.start + lane);
  let others = first + vec4u(0u, 1u, 2u, 3u);
  return sees(place.time, select(own, others, ofKeys), select(others, own, ofKeys));
}

// What this lane knows of its own row, or all lanes of the 8 others.
fn known(x: f32, own: bool) -> Eight {
  let others = spread(x);
  return Eight(select(others[0], vec4f(x), own), select(others[1], vec4f(x), own));
}

// Weights of this lane's row for the 8 others that start at `first`. The rows of `place` are keys and the others
// queries, or the other way round. `delta` is that of the query that this lane loads.
fn weigh(place: Place, ofKeys: bool, lane: u32, first: u32, delta: f32) -> Weights {
  let query = select(place.start, first, ofKeys) + lane;
  let key = select(first, place.start, ofKeys) + lane;
  let ownAt = qkvRow(place, place.start + lane, u32(ofKeys));
  let otherAt = qkvRow(place, first + lane, u32(!ofKeys));
  let vAt = qkvRow(place, key, 2u);
  let outAt = outRow(place, query);
  var score: Eight;
  var dp: Eight;
  for (var d = 0u; d < s.headWidth; d += 4u) {
    score += terms(fourOf(inQkv, ownAt, d), fourOf(inQkv, otherAt, d));
    let o = fourOf(inDOut, outAt, d);
    let v = fourOf(inQkv, vAt, d);
    dp += terms(select(o, v, ofKeys), select(v, o, ofKeys));
  }
  let lse = known(logSumExp[place.statistics + min(query, place.time - 1u)], !ofKeys);
  let deltas = known(delta, !ofKeys);
  let shown = known(shownOf(place, key), ofKeys);
  let seen0 = seen(place, ofKeys, lane, first) & (shown[0] > vec4f());
  let seen1 = seen(place, ofKeys, lane, first + 4u) & (shown[1] > vec4f());
  let p0 = select(vec4f(0.0), exp(s.scale * score[0] - lse[0]), seen0);
  let p1 = select(vec4f(0.0), exp(s.scale * score[1] - lse[1]), seen1);
  let ds0 = s.scale * p0 * (dp[0] - deltas[0]);
  let ds1 = s.scale * p1 * (dp[1] - deltas[1]);
  return Weights(Eight(p0, p1), Eight(ds0, ds1));
}

// Four columns of 8 rows.
struct Sums {
  c0: Eight,
  c1: Eight,
  c2: Eight,
  c3: Eight,
}

fn add(sums: ptr<function, Sums>, weights: Eight, x: vec4f) {
  (*sums).c0 += x.x * weights;
  (*sums).c1 += x.y * weights;
  (*sums).c2 += x.z * weights;
  (*sums).c3 += x.w * weights;
}

// One loop: unrolled, it would take most of the compile time.
fn store(place: Place, part: u32, column: u32, sums: Sums) {
  var columns = array<Eight, 4>(sums.c0, sums.c1, sums.c2, sums.c3);
  for (var i = 0u; i < 8u && place.start + i < place.time && column < s.headWidth; i++) {
    let at = qkvRow(place, place.start + i, part) + column;
    let h = i / 4u;
    let r = i % 4u;
    let value = vec4f(columns[0][h][r], columns[1][h][r], columns[2][h][r], columns[3][h][r]);
    if (aligned != 0u) {
      dQkv[at / 4u] = value;
      continue;
    }
    for (var e = 0u; e < min(4u, s.headWidth - column); e++) {
      dQkv[(at + e) / 4u][(at + e) % 4u] = value[e];
    }
  }
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (s.time + 7u) / 8u;
  let slices = (s.headWidth + 31u) / 32u;
  let index = group.y * groups.x + group.x;
  let unit = index / 2u;
  let head = unit / (blocks * slices);
  if (head >= s.batch * s.heads) {
    return;
  }
  let start = unit / slices % blocks * 8u;
  let place = placeOf(head, start);
  if (start >= place.time) {
    return;
  }
  let column = unit % slices * 32u + lane * 4u;
  let ofKeys = index % 2u == 1u;
  // Queries before a key do not see it, nor do queries see keys after them.
  let causal = s.causal != 0u;
  let begin = select(0u, start, ofKeys && causal);
  let end = select(place.time, min(place.time, start + 8u), !ofKeys && causal);
  var dQueryOrKey: Sums;
  var dValue: Sums;
  var ownDelta = 0.0;
  for (var first = begin; first < end; first += 8u) {
    if (ofKeys || first == 0u) {
      ownDelta = deltaOf(place, select(start, first, ofKeys) + lane);
    }
    let weights = weigh(place, ofKeys, lane, first, ownDelta);
    for (var i = 0u; i < 8u; i++) {
      let other = fourOf(inQkv, qkvRow(place, first + i, u32(!ofKeys)), column);
      add(&dQueryOrKey, spread(weights.ds[i / 4u][i % 4u]), other);
    }
    if (ofKeys) {
      for (var i = 0u; i < 8u; i++) {
        let other = fourOf(inDOut, outRow(place, first + i), column);
        add(&dValue, spread(weights.p[i / 4u][i % 4u]), other);
      }
    }
  }
  store(place, u32(ofKeys), column, dQueryOrKey);
  if (ofKeys) {
    store(place, 2u, column, dValue);
  } else if (start + lane < place.time) {
    delta[place.statistics + start + lane] = ownDelta;
  }
}
