// One AdamW step, four parameters per thread. Scalars that need more than F32 (1 - beta, 1 - beta^step)
// come from the host; the norm for clipping stays on the device.

struct Scalars {
  size: u32,
  learningRate: f32,
  beta1: f32,
  complement1: f32,
  beta2: f32,
  complement2: f32,
  epsilon: f32,
  keep: f32,
  correction1: f32,
  correction2: f32,
  maxNorm: f32,
}

@group(0) @binding(0) var<storage, read_write> parameter: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> first: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> second: array<vec4f>;
@group(0) @binding(4) var<storage, read> norm: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

// Not min(1, ratio): min may swallow a NaN, and a NaN norm must show.
fn clipFactor() -> f32 {
  if (s.maxNorm <= 0.0) {
    return 1.0;
  }
  let ratio = s.maxNorm / (norm[0] + 1e-6);
  return select(ratio, 1.0, ratio >= 1.0);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (4u * i >= s.size) {
    return;
  }
  let before = parameter[i];
  let m0 = first[i];
  let v0 = second[i];
  let g = gradient[i] * clipFactor();
  let m = s.beta1 * m0 + s.complement1 * g;
  let v = s.beta2 * v0 + s.complement2 * g * g;
  let step = m / s.correction1 / (sqrt(v / s.correction2) + s.epsilon);
  // The last thread writes what is beyond the end as it was.
  let own = 4u * i + vec4u(0u, 1u, 2u, 3u) < vec4u(s.size);
  first[i] = select(m0, m, own);
  second[i] = select(v0, v, own);
  parameter[i] = select(before, before * s.keep - s.learningRate * step, own);
}
