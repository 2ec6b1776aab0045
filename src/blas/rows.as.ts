/**
 * The inner loops over rows of float64, two values at a time. Places and lengths count values, and rows of one
 * matrix are `stride` apart. Products and sums are rounded one by one: the same bits on every machine.
 */

// @ts-ignore: a decorator on a function
@inline
function address(place: i32): usize {
  return <usize>place << 3;
}

// @ts-ignore: a decorator on a function
@inline
function plus(sum: v128, x: v128, y: v128): v128 {
  return f64x2.add(sum, f64x2.mul(x, y));
}

// @ts-ignore: a decorator on a function
@inline
function total(sums: v128): f64 {
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

/** Σ xᵢ yᵢ, in eight sums, as a single one would wait for each addition. */
export function dot(x: i32, y: i32, length: i32): f64 {
  let a = address(x), b = address(y);
  const eights = a + address(length & ~7), end = a + address(length);
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (; a < eights; a += 64, b += 64) {
    s0 = plus(s0, v128.load(a), v128.load(b));
    s1 = plus(s1, v128.load(a, 16), v128.load(b, 16));
    s2 = plus(s2, v128.load(a, 32), v128.load(b, 32));
    s3 = plus(s3, v128.load(a, 48), v128.load(b, 48));
  }
  let sum = total(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  for (; a < end; a += 8, b += 8) sum += load<f64>(a) * load<f64>(b);
  return sum;
}

/** y ← y + factor x. */
export function addRow(y: i32, x: i32, length: i32, factor: f64): void {
  let to = address(y), from = address(x);
  const pairs = to + address(length & ~1), factors = f64x2.splat(factor);
  for (; to < pairs; to += 16, from += 16) {
    v128.store(to, plus(v128.load(to), factors, v128.load(from)));
  }
  if (length & 1) store<f64>(to, load<f64>(to) + factor * load<f64>(from));
}

/** The products of rows x and y with four rows from v on, into `sums`: those of x, then those of y. */
export function dotFour(x: i32, y: i32, v: i32, stride: i32, length: i32, sums: i32): void {
  let left = address(x), right = address(y), a = address(v);
  const step = address(stride), end = left + address(length & ~1), out = address(sums);
  let b = a + step, c = b + step, d = c + step;
  let xa = f64x2.splat(0), xb = xa, xc = xa, xd = xa, ya = xa, yb = xa, yc = xa, yd = xa;
  for (; left < end; left += 16, right += 16, a += 16, b += 16, c += 16, d += 16) {
    const p = v128.load(left), q = v128.load(right);
    let row = v128.load(a);
    xa = plus(xa, p, row), ya = plus(ya, q, row);
    row = v128.load(b);
    xb = plus(xb, p, row), yb = plus(yb, q, row);
    row = v128.load(c);
    xc = plus(xc, p, row), yc = plus(yc, q, row);
    row = v128.load(d);
    xd = plus(xd, p, row), yd = plus(yd, q, row);
  }
  store<f64>(out, total(xa)), store<f64>(out, total(xb), 8);
  store<f64>(out, total(xc), 16), store<f64>(out, total(xd), 24);
  store<f64>(out, total(ya), 32), store<f64>(out, total(yb), 40);
  store<f64>(out, total(yc), 48), store<f64>(out, total(yd), 56);
  if (length & 1) {
    addLast(out, load<f64>(left), a, step);
    addLast(out + 32, load<f64>(right), a, step);
  }
}

/** Adds the products of the last value of a row with those of four rows. */
function addLast(sums: usize, value: f64, row: usize, step: usize): void {
  for (let end = sums + 32; sums < end; sums += 8, row += step) {
    store<f64>(sums, load<f64>(sums) + value * load<f64>(row));
  }
}

/** Adds four rows from v on, times the first and the last four factors, to the rows x and y. */
export function addFour(x: i32, y: i32, v: i32, stride: i32, length: i32, factors: i32): void {
  let left = address(x), right = address(y), a = address(v);
  const step = address(stride), end = left + address(length & ~1), f = address(factors);
  let b = a + step, c = b + step, d = c + step;
  const xa = v128.load64_splat(f), xb = v128.load64_splat(f, 8);
  const xc = v128.load64_splat(f, 16), xd = v128.load64_splat(f, 24);
  const ya = v128.load64_splat(f, 32), yb = v128.load64_splat(f, 40);
  const yc = v128.load64_splat(f, 48), yd = v128.load64_splat(f, 56);
  for (; left < end; left += 16, right += 16, a += 16, b += 16, c += 16, d += 16) {
    const p = v128.load(a), q = v128.load(b), r = v128.load(c), s = v128.load(d);
    // Stored before y is read: y may be x, with factors of zero.
    v128.store(left, plus(plus(plus(plus(v128.load(left), xa, p), xb, q), xc, r), xd, s));
    v128.store(right, plus(plus(plus(plus(v128.load(right), ya, p), yb, q), yc, r), yd, s));
  }
  if (length & 1) {
    store<f64>(left, sumOfFour(load<f64>(left), a, step, f));
    store<f64>(right, sumOfFour(load<f64>(right), a, step, f + 32));
  }
}

function sumOfFour(sum: f64, row: usize, step: usize, factors: usize): f64 {
  for (let end = factors + 32; factors < end; factors += 8, row += step) {
    sum += load<f64>(factors) * load<f64>(row);
  }
  return sum;
}

/** (x, y) ← (cosine x − sine y, sine x + cosine y). */
export function rotateRows(x: i32, y: i32, length: i32, cosine: f64, sine: f64): void {
  let left = address(x), right = address(y);
  const end = left + address(length & ~1), c = f64x2.splat(cosine), s = f64x2.splat(sine);
  for (; left < end; left += 16, right += 16) {
    const p = v128.load(left), q = v128.load(right);
    v128.store(left, f64x2.sub(f64x2.mul(c, p), f64x2.mul(s, q)));
    v128.store(right, f64x2.add(f64x2.mul(s, p), f64x2.mul(c, q)));
  }
  if (length & 1) {
    const p = load<f64>(left), q = load<f64>(right);
    store<f64>(left, cosine * p - sine * q);
    store<f64>(right, sine * p + cosine * q);
  }
}

/** The largest |xᵢ| of finite values. */
export function largest(x: i32, length: i32): f64 {
  let a = address(x);
  const end = a + address(length & ~3), last = address(x + length);
  let p = f64x2.splat(0), q = p;
  for (; a < end; a += 32) {
    p = f64x2.pmax(p, f64x2.abs(v128.load(a)));
    q = f64x2.pmax(q, f64x2.abs(v128.load(a, 16)));
  }
  p = f64x2.pmax(p, q);
  let found = max(f64x2.extract_lane(p, 0), f64x2.extract_lane(p, 1));
  for (; a < last; a += 8) found = max(found, abs(load<f64>(a)));
  return found;
}

/** x ← x · one · other. */
export function scale(x: i32, length: i32, one: f64, other: f64): void {
  let a = address(x);
  const end = a + address(length & ~1), p = f64x2.splat(one), q = f64x2.splat(other);
  for (; a < end; a += 16) v128.store(a, f64x2.mul(f64x2.mul(v128.load(a), p), q));
  if (length & 1) store<f64>(a, load<f64>(a) * one * other);
}

/** y ← xᵀ, four columns of x at a time: as many rows of y, each from its first value to its last. */
export function transpose(y: i32, x: i32, rows: i32, columns: i32): void {
  const step = address(columns), far = address(rows);
  for (let left = 0; left < columns; left += 4) {
    const width = min(4, columns - left);
    let from = address(x + left), to = address(y + left * rows);
    for (let end = to + far; to < end; from += step, to += 8) {
      for (let j = 0; j < width; j++) store<f64>(to + <usize>j * far, load<f64>(from + (<usize>j << 3)));
    }
  }
}
