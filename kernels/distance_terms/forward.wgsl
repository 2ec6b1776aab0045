// y = x + the term of the query, or of the key, for their distance, four elements per thread.

struct Scalars {
  batch: u32,
  heads: u32,
  time: u32,
  buckets: u32,
  ofKey: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> terms: array<f32>;
@group(0) @binding(2) var<storage, read> bucketOf: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  let size = s.batch * s.heads * s.time * s.time;
  for (var at = start; at < min(start + 1024u, size); at += 256u) {
    let j = at % s.time;
    let row = at / s.time;
    let token = row / s.heads;
    let i = token % s.time;
    let owner = select(token, token - i + j, s.ofKey != 0u);
    let bucket = bucketOf[i + s.time - 1u - j];
    y[at] = x[at] + terms[(owner * s.heads + row % s.heads) * s.buckets + bucket];
  }
}
