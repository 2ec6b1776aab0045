/** Small ZIP archives. @module */

import { crc32 } from "node:zlib";

/** Options of an archive. */
export interface ZipOptions {
  /** 0 stores, 8 deflates. */
  readonly method: 0 | 8;
  /** A comment at the end. */
  readonly comment?: string;
  /** Size of the first file in the directory, if not the true one. */
  readonly size?: number;
}

const utf8 = new TextEncoder();

/** An archive of some texts. */
export async function zipOf(
  files: Readonly<Record<string, string>>,
  { method, comment = "", size }: ZipOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const local: Uint8Array<ArrayBuffer>[] = [], directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0, said = size;
  for (const [name, text] of Object.entries(files)) {
    const bytes = utf8.encode(text), packed = method === 0 ? bytes : await deflated(bytes);
    const { length } = utf8.encode(name);
    const common = [method, 0, 0, crc32(bytes), packed.length, said ?? bytes.length, length, 0];
    const widths = [2, 2, 2, 4, 4, 4, 2, 2];
    const head = fields([0x04034b50, 20, 0, ...common], [4, 2, 2, ...widths]);
    local.push(head, utf8.encode(name), packed);
    directory.push(
      fields([0x02014b50, 20, 20, 0, ...common, 0, 0, 0, 0, offset], [
        4,
        2,
        2,
        2,
        ...widths,
        2,
        2,
        2,
        4,
        4,
      ]),
      utf8.encode(name),
    );
    offset += head.length + length + packed.length;
    said = undefined;
  }
  const bytes = directory.reduce((sum, part) => sum + part.length, 0), count = directory.length / 2;
  const end = fields(
    [0x06054b50, 0, 0, count, count, bytes, offset, utf8.encode(comment).length],
    [4, 2, 2, 2, 2, 4, 4, 2],
  );
  return await new Blob([...local, ...directory, end, utf8.encode(comment)]).bytes();
}

const deflated = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw")))
    .bytes();

/** Numbers of some bytes each, the lowest first. */
function fields(values: readonly number[], widths: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    values.flatMap((value, i) =>
      Array.from({ length: widths[i] }, (_, byte) => Math.floor(value / 256 ** byte) % 256)
    ),
  );
}
