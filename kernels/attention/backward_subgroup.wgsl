// Gradient of self-attention for software adapters with subgroups of 8, designed like
// forward_subgroup.wgsl. Two kinds of subgroup share the dispatch, each with 8 rows of one head and 32
// columns of their gradients: one computes dq and delta, the other dk and dv. Both recompute the
// weights of 8 queries by 8 keys, one query per lane. Rows beyond an edge repeat the last one, with weight
// zero; sums of columns beyond one are of whatever is there, and never stored.

struct Scalars {
  batch: u32,
  heads: u32,
  headWidth: u32,
  time: u32,
  scale: f32,
  causal: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read> out: array<vec4f>;
@group(0) @binding(3) var<storage, read> logSumExp: array<f32>;
@group(0) @binding(4) var<storage, read> dOut: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dQkv: array<vec4f>;
@group(0) @binding(7) var<uniform> s: Scalars;

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

// What a subgroup works on: batch entry, index of the head in the batch, the head's first column, its
// own first row.
struct Place {
  b: u32,
  head: u32,
  column: u32,
  start: u32,
}

// Where a row of q (part 0), k (1) or v (2) starts.
fn qkvRow(place: Place, row: u32, part: u32) -> u32 {
  let token = place.b * s.time + min(row, s.time - 1u);
  return (token * 3u + part) * s.heads * s.headWidth + place.column;
}

fn outRow(place: Place, row: u32) -> u32 {
  return (place.b * s.time + min(row, s.time - 1u)) * s.heads * s.headWidth + place.column;
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

// Which of four keys a query sees.
fn sees(b: u32, query: u32, keys: vec4u) -> vec4<bool> {
  let reach = select(s.time, min(s.time, query + 1u), s.causal != 0u);
  let reached = (keys < vec4u(reach)) & vec4<bool>(query < s.time);
  if (s.hasMask == 0u) {
    return reached;
  }
  let at = b * s.time + min(keys, vec4u(s.time - 1u));
  return reached & (vec4u(mask[at.x], mask[at.y], mask[at.z], mask[at.w]) != vec4u(0u));
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

// Weights of 8 keys for this lane's query.
struct Weights {
  p: Eight,
  ds: Eight,
}

// Four terms of the products of this lane's row by those of all lanes.
fn terms(own: vec4f, others: vec4f) -> Eight {
  return own.x * spread(others.x) + own.y * spread(others.y) + own.z * spread(others.z) +
    own.w * spread(others.w);
}

// Weights of the 8 queries and 8 keys that start at two rows.
fn weigh(place: Place, lane: u32, firstQuery: u32, firstKey: u32, delta: f32) -> Weights {
  let query = firstQuery + lane;
  let qAt = qkvRow(place, query, 0u);
  let kAt = qkvRow(place, firstKey + lane, 1u);
  let vAt = qkvRow(place, firstKey + lane, 2u);
  let outAt = outRow(place, query);
  var score: Eight;
  var dp: Eight;
  for (var d = 0u; d < s.headWidth; d += 4u) {
    score += terms(fourOf(inQkv, qAt, d), fourOf(inQkv, kAt, d));
    dp += terms(fourOf(inDOut, outAt, d), fourOf(inQkv, vAt, d));
  }
  let lse = logSumExp[place.head * s.time + min(query, s.time - 1u)];
  let seen0 = sees(place.b, query, firstKey + vec4u(0u, 1u, 2u, 3u));
  let seen1 = sees(place.b, query, firstKey + vec4u(4u, 5u, 6u, 7u));
  let p0 = select(vec4f(0.0), exp(s.scale * score[0] - lse), seen0);
  let p1 = select(vec4f(0.0), exp(s.scale * score[1] - lse), seen1);
  let ds = Eight(s.scale * p0 * (dp[0] - delta), s.scale * p1 * (dp[1] - delta));
  return Weights(Eight(p0, p1), ds);
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
  for (var i = 0u; i < 8u && place.start + i < s.time && column < s.headWidth; i++) {
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

fn gradientOfQueries(place: Place, lane: u32, column: u32) -> Sums {
  var sums: Sums;
  let query = place.start + lane;
  let ownDelta = deltaOf(place, query);
  if (query < s.time) {
    delta[place.head * s.time + query] = ownDelta;
  }
  let end = select(s.time, min(s.time, place.start + 8u), s.causal != 0u);
  for (var first = 0u; first < end; first += 8u) {
    let weights = weigh(place, lane, place.start, first, ownDelta);
    for (var j = 0u; j < 8u; j++) {
      let key = fourOf(inQkv, qkvRow(place, first + j, 1u), column);
      add(&sums, spread(weights.ds[j / 4u][j % 4u]), key);
    }
  }
  return sums;
}

// A query's weights for 8 keys are all in one lane.
fn gradientOfKeys(
  place: Place,
  lane: u32,
  column: u32,
  dk: ptr<function, Sums>,
  dv: ptr<function, Sums>,
) {
  // Queries before the keys see none of them.
  for (var first = select(0u, place.start, s.causal != 0u); first < s.time; first += 8u) {
    let weights = weigh(place, lane, first, place.start, deltaOf(place, first + lane));
    for (var i = 0u; i < 8u; i++) {
      let ds = Eight(subgroupShuffle(weights.ds[0], i), subgroupShuffle(weights.ds[1], i));
      add(dk, ds, fourOf(inQkv, qkvRow(place, first + i, 0u), column));
      let p = Eight(subgroupShuffle(weights.p[0], i), subgroupShuffle(weights.p[1], i));
      add(dv, p, fourOf(inDOut, outRow(place, first + i), column));
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
  let place = Place(head / s.heads, head, head % s.heads * s.headWidth, start);
  let column = unit % slices * 32u + lane * 4u;
  if (index % 2u == 0u) {
    store(place, 0u, column, gradientOfQueries(place, lane, column));
  } else {
    var dk: Sums;
    var dv: Sums;
    gradientOfKeys(place, lane, column, &dk, &dv);
    store(place, 1u, column, dk);
    store(place, 2u, column, dv);
  }
}
