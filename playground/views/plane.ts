/** Matrices of 2 × 2 as what they make of the unit circle, and as numbers. @module */

import { type DenseMatrix, denseOf, identity, transposed } from "../../src/linalg/mod.ts";
import { planeSvg } from "../../src/figures/pictures.ts";
import { element } from "../dom.ts";
import { fillSvg } from "../draw/fill.ts";
import { matrixMath } from "../draw/matrix.ts";
import type { LessonReading } from "../../src/lesson/lesson.ts";
import { ellipsesOf, halfOf } from "../../src/lesson/pictures.ts";

/** Draws the inputs beside the ellipses, and writes the matrices. */
export function drawPlane(reading: LessonReading, points: DenseMatrix, merged?: DenseMatrix): void {
  const { shift, lora, factors } = reading, A = denseOf(factors.A), B = denseOf(factors.B);
  const ellipse = { matrix: identity(2).data, role: "base" } as const;
  const circle = { ellipses: [ellipse], points: points.data, arrows: A.data, half: 3 };
  fillSvg(
    "before",
    "Inputs as points, the unit circle, and rows of A",
    (size) => planeSvg({ ...circle, size }),
  );
  const half = halfOf(reading), arrows = transposed(B).data;
  const [target, ...others] = ellipsesOf(reading).toReversed();
  const sum = merged ? [{ matrix: merged.data, role: "merged" } as const] : [];
  const ellipses = [...others.toReversed(), ...sum, target];
  const words =
    "Ellipses of W₀, full fine-tuning and W₀ + s·B·A, dashed the target, and columns of B";
  fillSvg("after", words, (size) => planeSvg({ ellipses, arrows, half, size }));
  element("plane").querySelector(".key .merged").hidden = !merged;
  const named = Object.entries({ D: shift.matrix, "s·B·A": lora.matrix, B, A });
  element("values").innerHTML = named.map(([name, matrix]) => matrixMath(name, matrix)).join("");
}
