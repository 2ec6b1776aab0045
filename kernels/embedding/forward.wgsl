// out[i, :] = table[ids[i] - first, :] where the table has that row, four elements per thread;
// neighboring threads read neighboring elements. Values are copied as bits, so that no NaN is changed.

struct Scalars {
  count: u32,
  width: u32,
  first: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> s: Scalars;

// How the table stores floats: 0 for f32, 1 for f16, 2 for bf16.
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

// The F32 bits of an element of the table.
fn bitsOf(at: u32) -> u32 {
  if (stored == 0u) {
    return table[at];
  }
  return widened((table[at / 2u] >> (16u * (at % 2u))) & 0xffffu);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.count * s.width); i += 256u) {
    let row = ids[i / s.width] - s.first;
    if (row < s.rows) {
      out[i] = bitsOf(row * s.width + i % s.width);
    }
  }
}
