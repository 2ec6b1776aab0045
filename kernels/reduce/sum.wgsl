// y[0] = sum of x, or its square root. One workgroup: the operands are a batch's losses or the partial sums
// of a norm, thousands at most.
//
// Every thread sums a strided share, then the shares are added in one order. That takes one barrier
// where a tree takes eight, and barriers are expensive on a software adapter.

struct Scalars {
  size: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

override root: u32;

var<workgroup> shares: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var share = 0.0;
  for (var i = lane; i < s.size; i += 256u) {
    share += x[i];
  }
  shares[lane] = share;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var l = 0u; l < 256u; l++) {
      total += shares[l];
    }
    y[0] = select(total, sqrt(total), root != 0u);
  }
}
