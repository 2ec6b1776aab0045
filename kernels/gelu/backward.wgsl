// Derivative of GELU, Φ(x) + x Φ'(x), four elements per thread: exactly, or of the tanh form.

struct Scalars {
  size: u32,
  exact: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> s: Scalars;

override exact: u32;

const twiceSlope = 1.5957691216057308; // 2 * sqrt(2 / pi)
const cubic = 0.044715;
const peak = 0.3989422804014327; // 1 / sqrt(2 pi)

// WGSL lets a compiler assume that x != x is false, so NaN and infinity are recognized by their bits.
fn isFinite(value: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(value) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
}

// With e = exp(-2u) and g = 1 / (1 + e): (1 + tanh u) / 2 = g and 1 - tanh² u = 4 g (1 - g) = 4 g² e.
fn tanhForm(v: vec4f) -> vec4f {
  let e = exp(min(-twiceSlope * (v + cubic * v * v * v), vec4f(80.0)));
  let g = 1.0 / (1.0 + e);
  return g + v * twiceSlope * (1.0 + 3.0 * cubic * v * v) * g * (g * e);
}

// Φ(-v) exp(v² / 2), as in the forward.
fn ratio(v: vec4f) -> vec4f {
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
  return t * p;
}

fn exactForm(value: vec4f) -> vec4f {
  let v = clamp(value, vec4f(-13.0), vec4f(13.0));
  let e = exp(-0.5 * v * v);
  let below = e * ratio(abs(v));
  return select(1.0 - below, below, v < vec4f()) + v * peak * e;
}

fn derivative(value: vec4f) -> vec4f {
  if (exact != 0u) {
    return exactForm(value);
  }
  // Beyond 30 the derivative is 0 or 1 in F32; without the clamp x² would overflow and be multiplied by 0.
  return tanhForm(clamp(value, vec4f(-30.0), vec4f(30.0)));
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
  let four = x[v];
  var value = dy[v] * select(four, derivative(four), isFinite(four));
  if (s.accumulate != 0u) {
    value += dx[v];
  }
  if (4u * v + 4u <= s.size) {
    dx[v] = value;
    return;
  }
  for (var e = 0u; e < s.size % 4u; e++) {
    dx[v][e] = value[e];
  }
}
