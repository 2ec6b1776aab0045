// y = (accumulate ? y : 0) + alpha * x on a contiguous span of each, a vector of four of y per thread. A
// thread that writes one element may touch its whole vector, so no two share one.

struct Scalars {
  size: u32,
  xOffset: u32,
  yOffset: u32,
  alpha: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let v = s.yOffset / 4u + (group.y * groups.x + group.x) * 256u + lane;
  let start = max(4u * v, s.yOffset);
  let end = min(4u * v + 4u, s.yOffset + s.size);
  if (start >= end) {
    return;
  }
  if (end == start + 4u && (s.xOffset + start - s.yOffset) % 4u == 0u) {
    var value = s.alpha * x[(s.xOffset + start - s.yOffset) / 4u];
    // A branch, not a factor of zero: the old y may be NaN.
    if (s.accumulate != 0u) {
      value += y[v];
    }
    y[v] = value;
    return;
  }
  for (var to = start; to < end; to++) {
    let at = s.xOffset + to - s.yOffset;
    var value = s.alpha * x[at / 4u][at % 4u];
    if (s.accumulate != 0u) {
      value += y[v][to % 4u];
    }
    y[v][to % 4u] = value;
  }
}
