// The adjoint of unfolding, one element per thread.

struct Scalars {
  batch: u32,
  time: u32,
  width: u32,
  taps: u32,
  hasMask: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

fn sumOf(token: u32, column: u32) -> f32 {
  var sum = 0.0;
  if (s.hasMask != 0u && mask[token] == 0u) {
    return sum;
  }
  for (var o = 0u; o < s.taps; o++) {
    // Below 0 they wrap, which is past the end too.
    let t = token % s.time + (s.taps - 1u) / 2u - o;
    if (t < s.time) {
      let neighbor = token - token % s.time + t;
      sum += dy[(neighbor * s.width + column) * s.taps + o];
    }
  }
  return sum;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * 256u + lane;
  if (at >= s.batch * s.time * s.width) {
    return;
  }
  let sum = sumOf(at / s.width, at % s.width);
  if (s.accumulate != 0u) {
    dx[at] += sum;
  } else {
    dx[at] = sum;
  }
}
