/** A folder in which a report grows, and which never loses a whole one to a part. @module */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  listFolder,
  removeFile,
  writeFileAtomic,
  writeJsonAtomic,
} from "../../src/storage/files.ts";
import { pathIn } from "../../src/storage/storage.ts";
import type { PageRenderer } from "../../src/report/page.ts";
import type { Report } from "../../src/report/report.ts";

/** The page and the data of a whole report, and those of a part. */
const whole = { page: "index.html", data: "results.json" };
const part = { page: "partial.html", data: "partial.json" };

/**
 * Writes a report again and again while it grows: its page is `index.html`, its data `partial.json`. Where
 * an earlier whole report is, with its `results.json`, both stay until the new one is whole, and the
 * growing page is `partial.html`.
 */
export class ReportFolder {
  readonly #folder: string;
  readonly #renderer: PageRenderer;
  readonly #page: string;

  private constructor(folder: string, renderer: PageRenderer, page: string) {
    this.#folder = folder;
    this.#renderer = renderer;
    this.#page = page;
  }

  /**
   * Finds out whether a whole report is there.
   *
   * @throws {Error} when the folder cannot be read.
   */
  static async open(folder: string, renderer: PageRenderer): Promise<ReportFolder> {
    const hasWhole = (await listFolder(folder)).includes(whole.data);
    return new ReportFolder(folder, renderer, hasWhole ? part.page : whole.page);
  }

  /** The address of the page that grows. */
  get address(): string {
    return this.#addressOf(this.#page);
  }

  /**
   * Writes the report so far; a crash leaves each of the two files old or new, and a whole report
   * as it is.
   */
  async write(report: Report, data: unknown): Promise<void> {
    await this.#writeJson(part.data, data);
    await this.#writePage(this.#page, await this.#renderer.render(report));
  }

  /**
   * Writes the whole report and gives its address; the page that grew leads there. After a crash, a reader
   * finds each file old or new; `results.json` comes last, so that `index.html` is whole where it is.
   */
  async finish(report: Report, data: unknown): Promise<string> {
    await this.#writePage(whole.page, await this.#renderer.render(report));
    await this.#writeJson(whole.data, data);
    if (this.#page === whole.page) await removeFile(pathIn(this.#folder, part.page));
    else await this.#writePage(part.page, forwarding);
    await removeFile(pathIn(this.#folder, part.data));
    return this.#addressOf(whole.page);
  }

  #addressOf(name: string): string {
    return pathToFileURL(resolve(this.#folder, name)).href;
  }

  async #writePage(name: string, html: string): Promise<void> {
    await writeFileAtomic(pathIn(this.#folder, name), html);
  }

  async #writeJson(name: string, data: unknown): Promise<void> {
    await writeJsonAtomic(pathIn(this.#folder, name), data);
  }
}

/** Takes those who watched the report grow to the whole one. */
const forwarding = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The report is whole</title>
<meta http-equiv="refresh" content="0; url=${whole.page}"></head>
<body><p>The report is whole: <a href="${whole.page}">${whole.page}</a>.</p></body></html>
`;
