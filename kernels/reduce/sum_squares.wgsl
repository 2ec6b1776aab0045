// partials[partialOffset + c] = sum of x² over the c-th chunk, one chunk per workgroup.

struct Scalars {
  size: u32,
  partialOffset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

override chunk: u32;

var<workgroup> shares: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let start = index * chunk;
  if (start >= s.size) {
    return;
  }
  let end = min(s.size, start + chunk);
  var share = 0.0;
  for (var i = start + 4u * lane; i < end; i += 256u) {
    let four = select(vec4f(), x[i / 4u], i + vec4u(0u, 1u, 2u, 3u) < vec4u(end));
    share += dot(four, four);
  }
  shares[lane] = share;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var l = 0u; l < 64u; l++) {
      total += shares[l];
    }
    partials[s.partialOffset + index] = total;
  }
}
