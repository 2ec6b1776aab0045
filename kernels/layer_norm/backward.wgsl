// Gradient of layer normalization with respect to its input, 8 rows per workgroup and 8 threads per row,
// four columns at a time.

struct Scalars {
  rows: u32,
  width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> inverseDeviation: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<vec4f>;
// Rows may share a vector, and a write to one component may touch all of it, so elements are written one by one.
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

// 1 when rows start at multiples of four.
override aligned: u32;

var<workgroup> shares: array<vec2f, 64>;

// Columns i to i + 3 of the row that starts at `at`; those past the end are zero.
fn xOf(at: u32, i: u32) -> vec4f {
  if (aligned != 0u) {
    return x[(at + i) / 4u];
  }
  var four = vec4f();
  for (var e = 0u; e < min(4u, s.width - i); e++) {
    four[e] = x[(at + i + e) / 4u][(at + i + e) % 4u];
  }
  return four;
}

fn dyOf(at: u32, i: u32) -> vec4f {
  if (aligned != 0u) {
    return dy[(at + i) / 4u];
  }
  var four = vec4f();
  for (var e = 0u; e < min(4u, s.width - i); e++) {
    four[e] = dy[(at + i + e) / 4u][(at + i + e) % 4u];
  }
  return four;
}

// The sums of a row's 8 shares, added in the same order on every lane.
fn total(lane: u32, share: vec2f) -> vec2f {
  shares[lane] = share;
  workgroupBarrier();
  let first = lane / 8u * 8u;
  var sum = vec2f(0.0);
  for (var l = first; l < first + 8u; l++) {
    sum += shares[l];
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * 8u + lane / 8u;
  // Rows past the end repeat the last one, for the barrier, and store nothing.
  let source = min(row, s.rows - 1u);
  let at = source * s.width;
  let mu = mean[source];
  let scale = inverseDeviation[source];
  let first = lane % 8u;
  var share = vec2f(0.0);
  for (var i = 4u * first; i < s.width; i += 32u) {
    let g = dyOf(at, i) * select(vec4f(), weight[i / 4u], i + vec4u(0u, 1u, 2u, 3u) < vec4u(s.width));
    share += vec2f(dot(g, vec4f(1.0)), dot(g, xOf(at, i) - mu) * scale);
  }
  let means = total(lane, share) / f32(s.width);
  if (row >= s.rows) {
    return;
  }
  for (var i = 4u * first; i < s.width; i += 32u) {
    let normal = (xOf(at, i) - mu) * scale;
    var value = scale * (dyOf(at, i) * weight[i / 4u] - means.x - normal * means.y);
    if (aligned != 0u) {
      let to = at + i;
      if (s.accumulate != 0u) {
        value += vec4f(dx[to], dx[to + 1u], dx[to + 2u], dx[to + 3u]);
      }
      dx[to] = value.x;
      dx[to + 1u] = value.y;
      dx[to + 2u] = value.z;
      dx[to + 3u] = value.w;
      continue;
    }
    for (var e = 0u; e < min(4u, s.width - i); e++) {
      if (s.accumulate != 0u) {
        value[e] += dx[at + i + e];
      }
      dx[at + i + e] = value[e];
    }
  }
}
