/** The part of a canvas that plotly needs: filled rectangles, and the picture as PNG. @module */

import { encodePng } from "./png.ts";

/** The properties of a canvas element that we use. */
export interface CanvasSize {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** A drawing context that keeps its pixels in memory; plotly draws heat maps with it. */
export class HeadlessCanvas {
  /** `rgb(…)` or `rgba(…)`. */
  fillStyle = "rgb(0, 0, 0)";
  readonly #width: number;
  readonly #height: number;
  #pixels: Uint8ClampedArray;

  /** Opens a transparent picture. */
  constructor({ width, height }: CanvasSize) {
    this.#width = width;
    this.#height = height;
    this.#pixels = new Uint8ClampedArray(4 * width * height);
  }

  /** Paints whole pixels. */
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

  /** Empty pixels, for smooth heat maps. */
  createImageData(width: number, height: number): { data: Uint8ClampedArray } {
    return { data: new Uint8ClampedArray(4 * width * height) };
  }

  /** Takes a whole picture. */
  putImageData({ data }: { data: Uint8ClampedArray }): void {
    this.#pixels = data;
  }

  /** The picture as a PNG in a data address. */
  toDataUrl(): string {
    const picture = { width: this.#width, height: this.#height, data: this.#pixels };
    return `data:image/png;base64,${encodePng(picture).toBase64()}`;
  }
}

function channels(style: string): number[] {
  const [red, green, blue, opacity = 1] = (style.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue, 255 * opacity];
}
