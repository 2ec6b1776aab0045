// Gradient of the table, one element per thread: the sum over the positions of its row's id, which the
// host has sorted into runs. Without atomics, the bits are the same every time.

struct Scalars {
  vocabulary: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dOut: array<f32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> dTable: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.vocabulary * s.width) {
    return;
  }
  let row = i / s.width;
  let column = i % s.width;
  let end = starts[row + 1u];
  var sum = 0.0;
  for (var p = starts[row]; p < end; p++) {
    sum += dOut[order[p] * s.width + column];
  }
  if (s.accumulate != 0u) {
    dTable[i] += sum;
  } else {
    dTable[i] = sum;
  }
}
