// A product without tiles in workgroup memory, with the operands of operands.wgsl before it.
//
// A thread sums 4 x 4 elements of C in registers, from factors that it loads itself: neighbors share what they load
// by the cache. Of the 64 threads of a workgroup, `rowsAcross` by `columnsAcross` make different elements; the
// others, its parts, take strided terms of the same, so that a thin C, as of a low rank, has work for as many.
// Neighboring threads take neighboring terms. At the end the parts are added through workgroup memory.

// Threads that make different rows, and different columns, of C: powers of two.
override rowsAcross: u32;
override columnsAcross: u32;

const threads = 64u;

var<workgroup> sums: array<mat4x4f, threads>;

var<private> sum: mat4x4f;

// Adds terms part, part + parts, … of the k of a pair of matrices.
fn addTerms(ofA: Matrix, ofB: Matrix, k: u32, i: u32, j: u32, part: u32, parts: u32) {
  for (var p = part; p < k; p += parts) {
    let x = rowsOfA(ofA, i, p, k);
    let y = columnsOfB(ofB, p, j, k);
    sum += mat4x4f(x.x * y, x.y * y, x.z * y, x.w * y);
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let parts = threads / (rowsAcross * columnsAcross);
  let height = 4u * rowsAcross;
  let width = 4u * columnsAcross;
  let tilesAcross = (s.n + width - 1u) / width;
  let tile = group.y * groups.x + group.x;
  let top = tile / tilesAcross * height;
  let left = tile % tilesAcross * width;
  if (top >= s.m) {
    return;
  }
  let part = thread % parts;
  let place = thread / parts;
  let i = top + place / columnsAcross * 4u;
  let j = left + place % columnsAcross * 4u;
  addTerms(Matrix(0u, s.aOffset, s.aStride), Matrix(1u, s.bOffset, s.bStride), s.k, i, j, part, parts);
  if (second != 0u) {
    let ofA2 = Matrix(2u, s.a2Offset, s.a2Stride);
    let ofB2 = Matrix(3u, s.b2Offset, s.b2Stride);
    addTerms(ofA2, ofB2, s.k2, i, j, part, parts);
  }
  sums[thread] = sum;
  for (var half = parts / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (part < half) {
      sums[thread] += sums[thread + half];
    }
  }
  if (part == 0u) {
    storeRows(i, j, sums[thread]);
  }
}
