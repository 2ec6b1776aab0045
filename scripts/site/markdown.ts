/** Guides from Markdown. @module */

import { escapeHtml } from "../../src/figures/html.ts";
import { Marked, type Tokens } from "npm:marked@18.2.1";
import { highlighted } from "./highlight.ts";
import { linkBetween, placeOf, type Target, targetOf } from "./repository.ts";

/** A guide as HTML. */
export interface Guide {
  readonly title: string;
  readonly html: string;
  /** Targets of its links. */
  readonly targets: readonly Target[];
}

/** A heading's anchor, as GitHub makes it. */
export function slugOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}

/** Renders a Markdown file of the repository for its place in the site. */
export function renderGuide(path: string, text: string): Guide {
  const targets: Target[] = [], place = placeOf({ kind: "page", path, anchor: "" });
  const hrefOf = (href: string): string | undefined => {
    const target = targetOf(path, href);
    targets.push(target);
    if (target.kind === "elsewhere") return target.href;
    if (target.kind === "none") return undefined;
    const anchor = target.anchor === "" ? "" : `#${target.anchor}`;
    return linkBetween(place, placeOf(target)) + anchor;
  };
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        const inner = this.parser.parseInline(tokens);
        return `<h${depth} id="${slugOf(plain(text))}">${inner}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const inner = this.parser.parseInline(tokens), to = hrefOf(href);
        return to === undefined ? inner : `<a href="${escapeHtml(to)}">${inner}</a>`;
      },
      image({ href, text }: Tokens.Image) {
        return `<img src="${escapeHtml(hrefOf(href)!)}" alt="${escapeHtml(text)}">`;
      },
      code({ text, lang }: Tokens.Code) {
        return `<pre><code>${highlighted(text, lang)}</code></pre>\n`;
      },
      table(token) {
        const labels = token.header.map(({ text }) => escapeHtml(plain(text)));
        const isClaims = labels.at(-1) === "verdict", kind = isClaims ? ` class="claims"` : "";
        const row = (cells: Tokens.TableCell[], tag: string) =>
          `<tr>${
            cells.map((cell, i) => {
              const label = isClaims && tag === "td" ? ` data-label="${labels[i]}"` : "";
              return `<${tag}${label}>${this.parser.parseInline(cell.tokens)}</${tag}>`;
            }).join("")
          }</tr>`;
        const body = token.rows.map((cells) => row(cells, "td")).join("\n");
        return `<div class="wide"><table${kind}><thead>${
          row(token.header, "th")
        }</thead><tbody>${body}</tbody></table></div>\n`;
      },
    },
  });
  const body = text.replace(/^---\n[\s\S]*?\n---\n/, ""); // a model card's metadata
  const html = marked.parse(body, { async: false });
  return { title: plain(/^# (.*)$/m.exec(body)?.[1] ?? path), html, targets };
}

/** A heading without its marks: links, code, emphasis. */
const plain = (text: string): string =>
  text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");
