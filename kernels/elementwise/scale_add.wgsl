// y = (accumulate ? y : 0) + alpha * x on a contiguous span of each, four elements per thread.

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
  let start = 4u * ((group.y * groups.x + group.x) * 256u + lane);
  if (start >= s.size) {
    return;
  }
  let end = min(start + 4u, s.size);
  if (end == start + 4u && s.xOffset % 4u == 0u && s.yOffset % 4u == 0u) {
    let v = (s.yOffset + start) / 4u;
    var value = s.alpha * x[(s.xOffset + start) / 4u];
    // A branch, not a factor of zero: the old y may be NaN.
    if (s.accumulate != 0u) {
      value += y[v];
    }
    y[v] = value;
    return;
  }
  for (var i = start; i < end; i++) {
    let at = s.xOffset + i;
    let to = s.yOffset + i;
    var value = s.alpha * x[at / 4u][at % 4u];
    if (s.accumulate != 0u) {
      value += y[to / 4u][to % 4u];
    }
    y[to / 4u][to % 4u] = value;
  }
}
