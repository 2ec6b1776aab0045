/** Drawings as images. @module */

/** A drawing as the URL of an image element, which front ends show even in untrusted notebooks. */
export function pictureSource(svg: string): string {
  return `data:image/svg+xml;base64,${new TextEncoder().encode(svg).toBase64()}`;
}
