/** Handwritten digits: a part of MNIST, at half the resolution. @module */

import { readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { digitsPackage } from "./packages.ts";

/** Images with their labels. */
export interface Digits {
  /** (images, 196) values from 0 to 1, in rows of 14 pixels from the top. */
  readonly images: HostTensor;
  /** 0 to 9 for each image. */
  readonly labels: Uint8Array;
}

/** Digits to train on, and digits that training never sees. */
export interface DigitSplit {
  /** Four out of five. */
  readonly train: Digits;
  /** Every fifth image of each digit, starting with the third. */
  readonly heldOut: Digits;
}

const side = 28, half = side / 2, pixels = half * half;

/** Reads the package's 10,000 images, digit by digit. */
export async function loadDigits(): Promise<DigitSplit> {
  const folder = await digitsPackage();
  const kinds = await Promise.all(Array.from({ length: 10 }, async (_, digit) => {
    const json = await readJson(new URL(`src/digits/${digit}.json`, folder));
    return (json as { data: number[] }).data;
  }));
  const places = kinds.flatMap((data, digit) =>
    Array.from({ length: data.length / side ** 2 }, (_, index) => ({ digit, index }))
  );
  const part = (wanted: (index: number) => boolean) =>
    collect(places.filter(({ index }) => wanted(index)), kinds);
  return { train: part((index) => index % 5 !== 2), heldOut: part((index) => index % 5 === 2) };
}

interface Place {
  readonly digit: number;
  readonly index: number;
}

function collect(places: readonly Place[], kinds: readonly number[][]): Digits {
  const data = new Float32Array(places.length * pixels);
  places.forEach(({ digit, index }, image) => {
    for (let pixel = 0; pixel < pixels; pixel++) {
      data[image * pixels + pixel] = meanOfFour(kinds[digit], index, pixel);
    }
  });
  return {
    images: { shape: [places.length, pixels], data },
    labels: Uint8Array.from(places, ({ digit }) => digit),
  };
}

/** A pixel of the small image: the mean of the four that it covers. */
function meanOfFour(data: readonly number[], image: number, pixel: number): number {
  const row = 2 * Math.floor(pixel / half), column = 2 * (pixel % half);
  const at = image * side ** 2 + row * side + column;
  return (data[at] + data[at + 1] + data[at + side] + data[at + side + 1]) / 4;
}
