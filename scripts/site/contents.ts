/** The contents of a page: its headings. @module */

/** A heading of a page. */
export interface Heading {
  readonly depth: number;
  readonly id: string;
  /** Its text as HTML. */
  readonly html: string;
}

/** A page whose headings have anchors of their own, and these headings. */
export interface Contents {
  readonly html: string;
  readonly headings: readonly Heading[];
}

/** Gives the second heading of one text another anchor, as GitHub does. */
export function contentsOf(html: string): Contents {
  const seen = new Map<string, number>(), headings: Heading[] = [];
  const marked = html.replaceAll(
    /<h([1-6]) id="([^"]*)">(.*?)<\/h\1>/gs,
    (_, depth, slug, inner) => {
      const before = seen.get(slug) ?? 0, id = before === 0 ? slug : `${slug}-${before}`;
      seen.set(slug, before + 1);
      headings.push({ depth: Number(depth), id, html: inner });
      return `<h${depth} id="${id}">${inner}</h${depth}>`;
    },
  );
  return { html: marked, headings };
}

/** Fewer headings need no contents. */
const leastHeadings = 3;

/** Links to the headings of the second and third depth. */
export function contentsHtml(headings: readonly Heading[]): string {
  const shown = headings.filter(({ depth }) => depth === 2 || depth === 3);
  if (shown.length < leastHeadings) return "";
  const links = shown.map(({ depth, id, html }) =>
    `<a class="depth${depth}" href="#${id}">${html.replaceAll(/<\/?a\b[^>]*>/g, "")}</a>`
  );
  return `<details class="contents"><summary>On this page</summary><nav aria-label="On this page">
${links.join("\n")}</nav></details>`;
}
