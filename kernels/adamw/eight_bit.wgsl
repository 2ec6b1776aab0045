// One AdamW step on moments in 8 bits. A workgroup has a block of 256 values and each thread four of them, whose codes
// are a word. The threads' largest magnitudes are combined after one barrier.

struct Scalars {
  size: u32,
  learningRate: f32,
  beta1: f32,
  complement1: f32,
  beta2: f32,
  complement2: f32,
  epsilon: f32,
  keep: f32,
  correction1: f32,
  correction2: f32,
  maxNorm: f32,
}

@group(0) @binding(0) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> first: array<u32>;
@group(0) @binding(3) var<storage, read_write> second: array<u32>;
@group(0) @binding(4) var<storage, read_write> firstScales: array<f32>;
@group(0) @binding(5) var<storage, read_write> secondScales: array<f32>;
@group(0) @binding(6) var<storage, read> maps: array<f32>;
@group(0) @binding(7) var<storage, read> norm: array<f32>;
@group(0) @binding(8) var<uniform> s: Scalars;

// Where the maps and the middles between their values begin.
const signedMap = 0u;
const unsignedMap = 512u;
const middles = 256u;

var<workgroup> magnitudes: array<vec2f, 64>;

// Not min(1, ratio): min may swallow a NaN, and a NaN norm must show.
fn clipFactor() -> f32 {
  if (s.maxNorm <= 0.0) {
    return 1.0;
  }
  let ratio = s.maxNorm / (norm[0] + 1e-6);
  return select(ratio, 1.0, ratio >= 1.0);
}

fn valueAt(word: u32, position: u32, map: u32) -> f32 {
  return maps[map + extractBits(word, 8u * position, 8u)];
}

// The number of middles below x.
fn nearest(x: f32, map: u32) -> u32 {
  var code = 0u;
  for (var stride = 128u; stride > 0u; stride /= 2u) {
    code += select(0u, stride, maps[map + middles + code + stride - 1u] < x);
  }
  return code;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.y * groups.x + group.x;
  if (block >= (s.size + 255u) / 256u) {
    return;
  }
  let start = block * 256u + lane * 4u;
  let count = min(4u, max(s.size, start) - start);
  let clip = clipFactor();
  var m = vec4f();
  var v = vec4f();
  for (var j = 0u; j < count; j++) {
    let g = gradient[start + j] * clip;
    m[j] = s.beta1 * (valueAt(first[start / 4u], j, signedMap) * firstScales[block]) + s.complement1 * g;
    v[j] = s.beta2 * (valueAt(second[start / 4u], j, unsignedMap) * secondScales[block]) + s.complement2 * g * g;
    let step = m[j] / s.correction1 / (sqrt(v[j] / s.correction2) + s.epsilon);
    parameter[start + j] = parameter[start + j] * s.keep - s.learningRate * step;
  }
  let m4 = abs(m);
  magnitudes[lane] = vec2f(max(max(m4.x, m4.y), max(m4.z, m4.w)), max(max(v.x, v.y), max(v.z, v.w)));
  workgroupBarrier();
  if (count == 0u) {
    return;
  }
  var scales = vec2f();
  for (var l = 0u; l < 64u; l++) {
    scales = max(scales, magnitudes[l]);
  }
  // The smallest normal number keeps the quotient of a block of zeros finite.
  let inverse = 1.0 / max(scales, vec2f(1.1754944e-38));
  var firstCodes = first[start / 4u];
  var secondCodes = second[start / 4u];
  for (var j = 0u; j < count; j++) {
    firstCodes = insertBits(firstCodes, nearest(m[j] * inverse.x, signedMap), 8u * j, 8u);
    secondCodes = insertBits(secondCodes, nearest(v[j] * inverse.y, unsignedMap), 8u * j, 8u);
  }
  first[start / 4u] = firstCodes;
  second[start / 4u] = secondCodes;
  if (lane == 0u) {
    firstScales[block] = scales.x;
    secondScales[block] = scales.y;
  }
}
