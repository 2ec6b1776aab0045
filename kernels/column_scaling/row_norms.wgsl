// y[i] = the Euclidean norm of row i of x, one row per workgroup.

struct Scalars {
  rows: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

var<workgroup> shares: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= s.rows) {
    return;
  }
  var share = 0.0;
  for (var i = lane; i < s.width; i += 64u) {
    let value = x[row * s.width + i];
    share += value * value;
  }
  shares[lane] = share;
  workgroupBarrier();
  if (lane == 0u) {
    var squares = 0.0;
    for (var l = 0u; l < 64u; l++) {
      squares += shares[l];
    }
    y[row] = sqrt(squares);
  }
}
