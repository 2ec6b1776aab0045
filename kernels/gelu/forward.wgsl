// GELU in the tanh form, four elements per thread.
//
// 1 + tanh(u) = 2 / (1 + exp(-2u)), so y = x / (1 + exp(-2u)): no cancellation where x is negative, and
// no tanh, which some drivers compute from an exp that overflows.

struct Scalars {
  size: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

const twiceSlope = 1.5957691216057308; // 2 * sqrt(2 / pi)
const cubic = 0.044715;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.size); i += 256u) {
    let value = x[i];
    // Up to exp(80) nothing overflows, and x * exp(-80) is as good as zero. A NaN that min() swallows
    // is still in the numerator.
    let exponent = min(-twiceSlope * (value + cubic * value * value * value), 80.0);
    y[i] = value / (1.0 + exp(exponent));
  }
}
