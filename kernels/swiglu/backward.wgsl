// Gradient of silu(gate) * up with respect to both, four elements per thread.

struct Scalars {
  size: u32,
  accumulateGate: u32,
  accumulateUp: u32,
}

@group(0) @binding(0) var<storage, read> gate: array<f32>;
@group(0) @binding(1) var<storage, read> up: array<f32>;
@group(0) @binding(2) var<storage, read> dOut: array<f32>;
@group(0) @binding(3) var<storage, read_write> dGate: array<f32>;
@group(0) @binding(4) var<storage, read_write> dUp: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (group.y * groups.x + group.x) * 1024u + lane;
  for (var i = start; i < min(start + 1024u, s.size); i += 256u) {
    let g = gate[i];
    // 1 - sigmoid = e * sigmoid, without cancellation; up to exp(80) nothing overflows. A NaN that min()
    // swallows is still in the factors.
    let e = exp(min(-g, 80.0));
    let sigmoid = 1.0 / (1.0 + e);
    var toGate = dOut[i] * up[i] * sigmoid * (1.0 + g * (e * sigmoid));
    var toUp = dOut[i] * g * sigmoid;
    if (s.accumulateGate != 0u) {
      toGate += dGate[i];
    }
    if (s.accumulateUp != 0u) {
      toUp += dUp[i];
    }
    dGate[i] = toGate;
    dUp[i] = toUp;
  }
}
