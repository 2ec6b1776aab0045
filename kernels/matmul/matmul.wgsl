// C = (accumulate ? C : 0) + alpha op(A) op(B) + bias in the four layouts.
//
// A workgroup of 16 x 8 threads makes a tile of 64 x 64, a thread 8 rows of 4 columns of it in registers.
// Sixteen terms at a time go through workgroup memory, so that each element is loaded once a tile: 16 loads
// for 512 multiply-adds. There four rows, or columns, of a term are a vector; 17 vectors a term instead
// of 16 keep the threads that write the same rows of several terms in different banks.

struct Scalars {
  m: u32,
  n: u32,
  k: u32,
  transposeA: u32,
  transposeB: u32,
  aOffset: u32,
  aStride: u32,
  bOffset: u32,
  bStride: u32,
  cOffset: u32,
  cStride: u32,
  alpha: f32,
  hasBias: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

override transposeA: u32;
override transposeB: u32;

const terms = 16u;
const pitch = 17u;
const next = vec4u(0u, 1u, 2u, 3u);

var<workgroup> tileA: array<vec4f, terms * pitch>;
var<workgroup> tileB: array<vec4f, terms * pitch>;

// Term p of rows i to i + 3 of op(A), zero beyond its edges.
fn rowsOfA(i: u32, p: u32) -> vec4f {
  let at = s.aOffset + select((i + next) * s.aStride + p, p * s.aStride + i + next, transposeA != 0u);
  let inside = i + next < vec4u(select(0u, s.m, p < s.k));
  return select(vec4f(), vec4f(a[at.x], a[at.y], a[at.z], a[at.w]), inside);
}

// Term p of columns j to j + 3 of op(B), zero beyond its edges.
fn columnsOfB(p: u32, j: u32) -> vec4f {
  let at = s.bOffset + select(p * s.bStride + j + next, (j + next) * s.bStride + p, transposeB != 0u);
  let inside = j + next < vec4u(select(0u, s.n, p < s.k));
  return select(vec4f(), vec4f(b[at.x], b[at.y], b[at.z], b[at.w]), inside);
}

// Which vector of a tile a thread loads: its term and its four rows or columns. Neighbours load neighbours.
fn share(thread: u32, termsFirst: bool) -> vec2u {
  return select(vec2u(thread / 16u, thread % 16u), vec2u(thread % terms, thread / terms), termsFirst);
}

fn store(i: u32, j: u32, sum: f32) {
  if (i >= s.m || j >= s.n) {
    return;
  }
  let at = s.cOffset + i * s.cStride + j;
  var value = s.alpha * sum;
  if (s.hasBias != 0u) {
    value += bias[j];
  }
  if (s.accumulate != 0u) {
    value += c[at];
  }
  c[at] = value;
}

fn storeRows(i: u32, j: u32, sums: mat4x4f) {
  for (var row = 0u; row < 4u; row++) {
    store(i + row, j, sums[row].x);
    store(i + row, j + 1u, sums[row].y);
    store(i + row, j + 2u, sums[row].z);
    store(i + row, j + 3u, sums[row].w);
  }
}

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tilesAcross = (s.n + 63u) / 64u;
  let tile = group.y * groups.x + group.x;
  let top = tile / tilesAcross * 64u;
  let left = tile % tilesAcross * 64u;
  if (top >= s.m) {
    return;
  }
  let row = thread / 16u * 2u;
  let column = thread % 16u;
  var upper = mat4x4f();
  var lower = mat4x4f();
  for (var p = 0u; p < s.k; p += terms) {
    for (var e = thread; e < 256u; e += 128u) {
      let ofA = share(e, transposeA == 0u);
      let ofB = share(e, transposeB != 0u);
      tileA[ofA.x * pitch + ofA.y] = rowsOfA(top + ofA.y * 4u, p + ofA.x);
      tileB[ofB.x * pitch + ofB.y] = columnsOfB(p + ofB.x, left + ofB.y * 4u);
    }
    workgroupBarrier();
    for (var q = 0u; q < terms; q++) {
      let x = tileA[q * pitch + row];
      let z = tileA[q * pitch + row + 1u];
      let y = tileB[q * pitch + column];
      upper += mat4x4f(x.x * y, x.y * y, x.z * y, x.w * y);
      lower += mat4x4f(z.x * y, z.y * y, z.z * y, z.w * y);
    }
    workgroupBarrier();
  }
  storeRows(top + row * 4u, left + column * 4u, upper);
  storeRows(top + row * 4u + 4u, left + column * 4u, lower);
}
