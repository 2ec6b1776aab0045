/** The part of a canvas that plotly needs: filled rectangles, and the picture as PNG. @module */

import { encodePng } from "./png.ts";

/** The properties of a canvas element that we use. */
export interface CanvasSize {
  /** Columns of pixels. */
  readonly width: number;
  /** Rows of pixels. */
  readonly height: number;
}

/** A drawing context that keeps its pixels in memory; plotly draws heat maps with it. */
export class HeadlessCanvas {
  /** Color of the next rectangle: `rgb(…)` or `rgba(…)`. */
  fillStyle = "rgb(0, 0, 0)";
  readonly #width: number;
  readonly #height: number;
  #pixels: Uint8ClampedArray;

  /** Starts with a transparent picture. */
  constructor({ width, height }: CanvasSize) {
    this.#width = width;
    this.#height = height;
    this.#pixels = new Uint8ClampedArray(4 * width * height);
  }

  /** Fills a rectangle, given in whole pixels; what is outside of the picture is left out. */
  fillRect(left: number, top: number, width: number, height: number): void {
    const color = channels(this.fillStyle);
    const right = Math.min(this.#width, left + width);
    const bottom = Math.min(this.#height, top + height);
    for (let y = Math.max(0, top); y < bottom; y++) {
      for (let x = Math.max(0, left); x < right; x++) {
        this.#pixels.set(color, 4 * (y * this.#width + x));
      }
    }
  }

  /** Transparent pixels, which plotly fills for a smooth heat map. */
  createImageData(width: number, height: number): { data: Uint8ClampedArray } {
    return { data: new Uint8ClampedArray(4 * width * height) };
  }

  /** Replaces the whole picture, which is all that plotly does with this. */
  putImageData({ data }: { data: Uint8ClampedArray }): void {
    this.#pixels = data;
  }

  /** The picture as a data URL of a PNG. */
  toDataUrl(): string {
    const picture = { width: this.#width, height: this.#height, data: this.#pixels };
    return `data:image/png;base64,${encodePng(picture).toBase64()}`;
  }
}

/** Red, green, blue and opacity, from 0 to 255. */
function channels(style: string): number[] {
  const [red, green, blue, opacity = 1] = (style.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue, 255 * opacity];
}
