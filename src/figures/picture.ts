/** Drawings as images. @module */

/** The address of a drawing for an image element, which front ends show even where they trust nothing. */
export function pictureSource(svg: string): string {
  return `data:image/svg+xml;base64,${new TextEncoder().encode(svg).toBase64()}`;
}
