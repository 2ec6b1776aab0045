// Gradient of the terms, one per thread: the sum over the pairs of its token whose distance is in its
// bucket. Without atomics, the bits are the same every time.

struct Scalars {
  batch: u32,
  heads: u32,
  time: u32,
  buckets: u32,
  ofKey: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> dTerms: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * 256u + lane;
  if (at >= s.batch * s.heads * s.time * s.buckets) {
    return;
  }
  let bucket = at % s.buckets;
  let row = at / s.buckets;
  let token = row / s.heads;
  let t = token % s.time;
  let end = starts[bucket + 1u];
  var sum = 0.0;
  for (var p = starts[bucket]; p < end; p++) {
    // Below 0 they wrap, which is past the end too.
    let other = select(t + s.time - 1u - p, t + p - (s.time - 1u), s.ofKey != 0u);
    if (other < s.time) {
      let i = select(t, other, s.ofKey != 0u);
      let j = select(other, t, s.ofKey != 0u);
      sum += dy[((token - t + i) * s.heads + row % s.heads) * s.time + j];
    }
  }
  if (s.accumulate != 0u) {
    dTerms[at] += sum;
  } else {
    dTerms[at] = sum;
  }
}
