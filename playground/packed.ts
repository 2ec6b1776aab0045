/** Files that the build has put into the page, or into a script beside it. @module */

/** Contents by their names, in base64. */
export type Packed = Readonly<Record<string, string>>;

/** The files. */
export const unpacked = (packed: Packed): Promise<File[]> =>
  Promise.all(Object.entries(packed).map(([name, text]) => unpack(name, text)));

async function unpack(name: string, text: string): Promise<File> {
  return new File([await (await fetch(`data:;base64,${text}`)).blob()], name);
}
