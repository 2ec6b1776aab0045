/** Linear algebra in float64. @module */

export { type DenseMatrix, multiplyTransposed, transposed } from "./matrix.ts";
export { upperTriangle } from "./qr.ts";
export { singularValues } from "./singular_values.ts";
