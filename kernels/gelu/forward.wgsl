// GELU, four elements per thread: x Φ(x), or Φ replaced by its tanh form.

struct Scalars {
  size: u32,
  exact: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> s: Scalars;

override exact: u32;

const twiceSlope = 1.5957691216057308; // 2 * sqrt(2 / pi)
const cubic = 0.044715;

// 1 + tanh(u) = 2 / (1 + exp(-2u)), so y = x / (1 + exp(-2u)): no cancellation where x is negative, and
// no tanh, which some drivers compute from an exp that overflows.
fn tanhForm(value: vec4f) -> vec4f {
  // Up to exp(80) nothing overflows, and x * exp(-80) is as good as zero. A NaN that min() swallows
  // is still in the numerator.
  let exponent = min(-twiceSlope * (value + cubic * value * value * value), vec4f(80.0));
  return value / (1.0 + exp(exponent));
}

// Φ(-v) for 0 <= v <= 13. Times exp(v² / 2) it is t p(2t - 1) with t = 4 / (4 + v); p has degree 9 and
// is fitted to 1e-8, relatively.
fn tail(v: vec4f) -> vec4f {
  let t = 4.0 / (4.0 + v);
  let c = 2.0 * t - 1.0;
  var p = vec4f(3.17094818e-5);
  p = p * c + 4.7643276e-5;
  p = p * c - 3.93576338e-4;
  p = p * c - 8.79368337e-4;
  p = p * c + 1.88209815e-3;
  p = p * c + 1.51011031e-2;
  p = p * c + 4.66307364e-2;
  p = p * c + 9.67842191e-2;
  p = p * c + 1.51974156e-1;
  p = p * c + 1.88821286e-1;
  return t * p * exp(-0.5 * v * v);
}

// A NaN that min() swallows is still in the factor.
fn exactForm(value: vec4f) -> vec4f {
  let below = tail(min(abs(value), vec4f(13.0)));
  return value * select(1.0 - below, below, value < vec4f());
}

fn gelu(value: vec4f) -> vec4f {
  if (exact != 0u) {
    return exactForm(value);
  }
  return tanhForm(value);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let v = (group.y * groups.x + group.x) * 256u + lane;
  if (4u * v >= s.size) {
    return;
  }
  let value = gelu(x[v]);
  if (4u * v + 4u <= s.size) {
    y[v] = value;
    return;
  }
  for (var e = 0u; e < s.size % 4u; e++) {
    y[v][e] = value[e];
  }
}
