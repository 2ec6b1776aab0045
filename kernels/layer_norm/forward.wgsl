// Layer normalization, 8 rows per workgroup and 8 threads per row, four columns at a time. Each thread
// computes the mean of its share of the row and the sum of squares around it; after one barrier the shares
// are combined (Chan, Golub and LeVeque 1979, equation 1.5a). A difference of squares would cancel if the
// mean is large.

struct Scalars {
  rows: u32,
  width: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
// Rows may share a vector, and a write to one component may touch all of it, so elements are written one by one.
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> inverseDeviation: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

// 1 when rows start at multiples of four.
override aligned: u32;

// Mean of a thread's elements, and the sum of squares around it.
var<workgroup> shares: array<vec2f, 64>;

// Elements of a row that thread `first` of 8 takes.
fn countOf(first: u32) -> f32 {
  let fours = s.width / 4u;
  let tail = select(0u, s.width % 4u, fours % 8u == first);
  return f32((fours + 7u - first) / 8u * 4u + tail);
}

// Columns i to i + 3 of the row that starts at `at`; those past the end are zero.
fn fourOf(at: u32, i: u32) -> vec4f {
  if (aligned != 0u) {
    return x[(at + i) / 4u];
  }
  var four = vec4f();
  for (var e = 0u; e < min(4u, s.width - i); e++) {
    four[e] = x[(at + i + e) / 4u][(at + i + e) % 4u];
  }
  return four;
}

fn shareOf(at: u32, first: u32) -> vec2f {
  var sums = vec4f();
  for (var i = 4u * first; i < s.width; i += 32u) {
    sums += fourOf(at, i);
  }
  let mu = dot(sums, vec4f(1.0)) / max(countOf(first), 1.0);
  var squares = vec4f();
  for (var i = 4u * first; i < s.width; i += 32u) {
    let difference = select(vec4f(), fourOf(at, i) - mu, i + vec4u(0u, 1u, 2u, 3u) < vec4u(s.width));
    squares += difference * difference;
  }
  return vec2f(mu, dot(squares, vec4f(1.0)));
}

// Mean of a row, and the sum of squares around it, from the 8 shares that start at `start`. Loops that start at a
// constant would be unrolled, which compiles for longer.
fn join(start: u32) -> vec2f {
  var sum = 0.0;
  for (var l = start; l < start + 8u; l++) {
    sum += countOf(l - start) * shares[l].x;
  }
  let mu = sum / f32(s.width);
  var squares = 0.0;
  for (var l = start; l < start + 8u; l++) {
    let share = shares[l];
    squares += share.y + countOf(l - start) * (share.x - mu) * (share.x - mu);
  }
  return vec2f(mu, squares);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * 8u + lane / 8u;
  // Rows past the end repeat the last one, for the barrier, and store nothing.
  let at = min(row, s.rows - 1u) * s.width;
  let first = lane % 8u;
  shares[lane] = shareOf(at, first);
  workgroupBarrier();
  let whole = join(lane - first);
  if (row >= s.rows) {
    return;
  }
  let mu = whole.x;
  let scale = 1.0 / sqrt(whole.y / f32(s.width) + s.epsilon);
  for (var i = 4u * first; i < s.width; i += 32u) {
    let normal = (fourOf(at, i) - mu) * scale;
    let value = normal * weight[i / 4u] + bias[i / 4u];
    if (aligned != 0u) {
      y[at + i] = value.x;
      y[at + i + 1u] = value.y;
      y[at + i + 2u] = value.z;
      y[at + i + 3u] = value.w;
      continue;
    }
    for (var e = 0u; e < min(4u, s.width - i); e++) {
      y[at + i + e] = value[e];
    }
  }
  if (first == 0u) {
    mean[row] = mu;
    inverseDeviation[row] = scale;
  }
}
