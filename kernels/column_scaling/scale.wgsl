// y = (accumulate ? y : 0) + x * (factors / divisors), column by column or row by row, four elements per thread.

// Whether there is a quotient for each row, and not for each column.
override byRow: u32;

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> factors: array<f32>;
@group(0) @binding(2) var<storage, read> divisors: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

// A division may be off by 2.5 ulp: equal numbers, as at the first step of a training, must give 1.
fn quotient(at: u32) -> f32 {
  let factor = factors[at];
  let divisor = divisors[at];
  if (factor == divisor && divisor != 0.0) {
    return 1.0;
  }
  return select(factor / divisor, 0.0, divisor == 0.0);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.rows * s.width); i += 256u) {
    let value = x[i] * quotient(select(i % s.width, i / s.width, byRow != 0u));
    // A branch, not a factor of zero: the old y may be NaN.
    if (s.accumulate != 0u) {
      y[i] += value;
    } else {
      y[i] = value;
    }
  }
}
