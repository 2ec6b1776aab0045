// Floats of 16 bits to F32, four values (two words) per thread. y is declared as integers so that no NaN is
// changed.

struct Scalars {
  size: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> s: Scalars;

// 1 for f16, 2 for bf16.
override stored: u32;

// The F32 bits of a float of 16 bits. unpack2x16float may flush subnormal values and does not define infinities,
// so the bits are moved explicitly.
fn widened(half: u32) -> u32 {
  if (stored == 2u) {
    return half << 16u;
  }
  let sign = (half & 0x8000u) << 16u;
  let rest = half & 0x7fffu; // exponent and fraction
  if (rest < 0x400u) {
    return sign | bitcast<u32>(f32(rest) * 0x1p-24f); // subnormal: a multiple of 2^-24
  }
  // The exponent's bias grows from 15 to 127, and once more by as much for infinities and NaN.
  let bias = select(112u, 224u, rest >= 0x7c00u);
  return sign | ((rest << 13u) + (bias << 23u));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 512u + lane;
  for (var word = start; word < min(start + 512u, (s.size + 1u) / 2u); word += 256u) {
    y[2u * word] = widened(x[word] & 0xffffu);
    if (2u * word + 1u < s.size) {
      y[2u * word + 1u] = widened(x[word] >> 16u);
    }
  }
}
