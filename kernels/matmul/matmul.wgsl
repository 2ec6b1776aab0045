// A product in tiles, with the operands of operands.wgsl before it.
//
// A workgroup of 16 x 8 threads computes a tile of 64 x 64, each thread 8 rows by 4 columns in
// registers. Sixteen terms (steps of k) at a time go through workgroup memory, so that each element is
// loaded once per tile: 16 loads for 512 multiply-adds. In workgroup memory, four rows, or columns, of
// a term are a vector; a pitch of 17 vectors per term instead of 16 spreads the threads that write one
// row of several terms over the banks.

const terms = 16u;
const pitch = 17u;

var<workgroup> tileA: array<vec4f, terms * pitch>;
var<workgroup> tileB: array<vec4f, terms * pitch>;

// Which vector of a tile a thread loads: its term and its four rows or columns, neighbors next to each other.
fn share(thread: u32, termsFirst: bool) -> vec2u {
  return select(vec2u(thread / 16u, thread % 16u), vec2u(thread % terms, thread / terms), termsFirst);
}

var<private> upper: mat4x4f;
var<private> lower: mat4x4f;

// Adds the k terms of a pair of matrices.
fn addTerms(ofA: Matrix, ofB: Matrix, k: u32, top: u32, left: u32, thread: u32) {
  let row = thread / 16u * 2u;
  let column = thread % 16u;
  for (var p = 0u; p < k; p += terms) {
    for (var e = thread; e < 256u; e += 128u) {
      let inA = share(e, transposeA == 0u);
      let inB = share(e, transposeB != 0u);
      tileA[inA.x * pitch + inA.y] = rowsOfA(ofA, top + inA.y * 4u, p + inA.x, k);
      tileB[inB.x * pitch + inB.y] = columnsOfB(ofB, p + inB.x, left + inB.y * 4u, k);
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
  addTerms(Matrix(0u, s.aOffset, s.aStride), Matrix(1u, s.bOffset, s.bStride), s.k, top, left, thread);
  if (second != 0u) {
    let ofA2 = Matrix(2u, s.a2Offset, s.a2Stride);
    let ofB2 = Matrix(3u, s.b2Offset, s.b2Stride);
    addTerms(ofA2, ofB2, s.k2, top, left, thread);
  }
  let row = thread / 16u * 8u;
  let column = thread % 16u * 4u;
  storeRows(top + row, left + column, upper);
  storeRows(top + row + 4u, left + column, lower);
}
