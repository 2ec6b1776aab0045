// matrix = (matrix + damping I)⁻¹ by Gauss-Jordan elimination: one workgroup, whose threads share the elements.

struct Scalars {
  size: u32,
  damping: f32,
}

@group(0) @binding(0) var<storage, read_write> matrix: array<f32>;
@group(0) @binding(1) var<uniform> s: Scalars;

const threads = 64u;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  let elements = s.size * s.size;
  for (var k = lane; k < s.size; k += threads) {
    matrix[k * s.size + k] += s.damping;
  }
  storageBarrier();
  for (var k = 0u; k < s.size; k++) {
    let row = k * s.size;
    let inverse = 1.0 / matrix[row + k];
    for (var j = lane; j < s.size; j += threads) {
      if (j != k) {
        matrix[row + j] *= inverse;
      }
    }
    storageBarrier();
    for (var e = lane; e < elements; e += threads) {
      let i = e / s.size;
      let j = e % s.size;
      if (i != k && j != k) {
        matrix[e] -= matrix[i * s.size + k] * matrix[row + j];
      }
    }
    storageBarrier();
    for (var i = lane; i < s.size; i += threads) {
      matrix[i * s.size + k] *= select(-inverse, 1.0, i == k);
      if (i == k) {
        matrix[row + k] = inverse;
      }
    }
    storageBarrier();
  }
}
