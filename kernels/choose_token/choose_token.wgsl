// Chooses a token for each row of logits, one workgroup per row. `hash32` is that of src/core/random.ts,
// bit for bit, so that a seed gives the same tokens on every device.

struct Scalars {
  rows: u32,
  vocabulary: u32,
  temperature: f32,
  kept: u32,
  seed: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> ids: array<u32>;
@group(0) @binding(2) var<uniform> s: Scalars;

override threads: u32; // per row, a power of two

var<workgroup> scores: array<f32, threads>;
var<workgroup> candidates: array<u32, threads>;
var<workgroup> counts: array<atomic<u32>, 256>;
// Vocabulary minus the index of the first logit that is not finite; 0 if all are.
var<workgroup> wrong: atomic<u32>;
// What is known of the least key that is kept, and how many are kept of those that agree with it.
var<workgroup> least: vec2u;
var<workgroup> left: u32;
var<workgroup> settled: u32;

fn hash32(seed: u32, index: u32) -> u32 {
  var h = (index * 0x9e3779b9u) ^ seed;
  h = (h ^ (h >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

// Standard exponential, -ln(1 - v) with v = (bits + 1/2) / 2^32. Only small ones win races, and there
// log() of a number close to 1 has few right digits: the series of 2 artanh(v / (2 - v)) has all.
fn exponential(bits: u32) -> f32 {
  if (bits >= 0x80000000u) {
    return -log((f32(~bits) + 0.5) * 2.3283064365386963e-10);
  }
  let v = (f32(bits) + 0.5) * 2.3283064365386963e-10;
  let z = v / (2.0 - v);
  let q = z * z;
  let high = 1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0));
  return 2.0 * z * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * high)));
}

// The candidate with the largest score of all threads; of equal ones, the first token.
fn winner(lane: u32, score: f32, candidate: u32) -> u32 {
  workgroupBarrier();
  scores[lane] = score;
  candidates[lane] = candidate;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    let other = lane + half;
    if (lane < half) {
      let larger = scores[other] > scores[lane];
      let first = scores[other] == scores[lane] && candidates[other] < candidates[lane];
      if (larger || first) {
        scores[lane] = scores[other];
        candidates[lane] = candidates[other];
      }
    }
  }
  workgroupBarrier();
  return candidates[0];
}

fn largestAt(at: u32, lane: u32) -> u32 {
  var largest = -3.4028234663852886e38;
  var index = min(lane, s.vocabulary - 1u);
  for (var j = lane; j < s.vocabulary; j += threads) {
    let x = logits[at + j];
    if ((bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u) {
      atomicMax(&wrong, s.vocabulary - j);
    }
    if (x > largest) {
      largest = x;
      index = j;
    }
  }
  return winner(lane, largest, index);
}

// Orders logits as numbers, and of equal ones the first above the others.
fn keyAt(at: u32, j: u32) -> vec2u {
  let bits = bitcast<u32>(logits[at + j]);
  return vec2u(select(bits | 0x80000000u, 0u - bits, bits >= 0x80000000u), ~j);
}

// Counts, for digit number `place` from the highest, the keys that agree with `least` above it.
fn count(at: u32, lane: u32, place: u32) {
  let shift = 24u - 8u * (place % 4u);
  let above = 0xffffff00u << shift;
  for (var j = lane; j < s.vocabulary; j += threads) {
    let key = keyAt(at, j);
    if (place < 4u) {
      if (((key.x ^ least.x) & above) == 0u) {
        atomicAdd(&counts[(key.x >> shift) & 255u], 1u);
      }
    } else if (key.x == least.x && ((key.y ^ least.y) & above) == 0u) {
      atomicAdd(&counts[(key.y >> shift) & 255u], 1u);
    }
  }
}

// The digit of the least key that is kept.
fn settle(place: u32) {
  var digit = 255u;
  while (digit > 0u && atomicLoad(&counts[digit]) < left) {
    left -= atomicLoad(&counts[digit]);
    digit--;
  }
  least[place / 4u] |= digit << (24u - 8u * (place % 4u));
  settled = u32(atomicLoad(&counts[digit]) == left);
}

// Finds a lower bound of exactly `kept` keys.
fn findLeast(at: u32, lane: u32) {
  if (lane == 0u) {
    left = s.kept;
  }
  for (var place = 0u; place < 8u; place++) {
    for (var digit = lane; digit < 256u; digit += threads) {
      atomicStore(&counts[digit], 0u);
    }
    workgroupBarrier();
    count(at, lane, place);
    workgroupBarrier();
    if (lane == 0u) {
      settle(place);
    }
    if (workgroupUniformLoad(&settled) != 0u) {
      break;
    }
  }
}

fn sample(at: u32, lane: u32, largest: u32) -> u32 {
  let top = logits[at + largest];
  let bound = least;
  var best = -1.0;
  var index = largest;
  for (var j = lane; j < s.vocabulary; j += threads) {
    let key = keyAt(at, j);
    if (key.x < bound.x || (key.x == bound.x && key.y < bound.y)) {
      continue;
    }
    let weight = exp((logits[at + j] - top) / s.temperature);
    let score = weight / exponential(hash32(s.seed, at + j));
    if (score > best) {
      best = score;
      index = j;
    }
  }
  return winner(lane, best, index);
}

// What stands for a logit that is not finite.
fn codeOf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return 0xffffffffu - select(select(0u, 2u, bits == 0xff800000u), 1u, bits == 0x7f800000u);
}

@compute @workgroup_size(threads)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= s.rows) {
    return;
  }
  let at = row * s.vocabulary;
  var chosen = largestAt(at, lane);
  if (s.temperature > 0.0) {
    if (s.kept < s.vocabulary) {
      findLeast(at, lane);
    }
    chosen = sample(at, lane, chosen);
  }
  if (lane == 0u) {
    let rank = atomicLoad(&wrong);
    ids[row] = select(chosen, codeOf(logits[at + s.vocabulary - rank]), rank > 0u);
  }
}
