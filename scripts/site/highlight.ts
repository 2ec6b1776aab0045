/** Source text with colored words, as HTML. @module */

import { escapeHtml } from "../../src/figures/html.ts";
import core from "npm:highlight.js@11.12.0/lib/core";
import bash from "npm:highlight.js@11.12.0/lib/languages/bash";
import css from "npm:highlight.js@11.12.0/lib/languages/css";
import ini from "npm:highlight.js@11.12.0/lib/languages/ini";
import json from "npm:highlight.js@11.12.0/lib/languages/json";
import python from "npm:highlight.js@11.12.0/lib/languages/python";
import typescript from "npm:highlight.js@11.12.0/lib/languages/typescript";
import xml from "npm:highlight.js@11.12.0/lib/languages/xml";
import yaml from "npm:highlight.js@11.12.0/lib/languages/yaml";

const languages = { bash, css, ini, json, python, typescript, xml, yaml };
for (const [name, language] of Object.entries(languages)) core.registerLanguage(name, language);

/** Languages by the names of code blocks and the ends of files. */
const names: Readonly<Record<string, keyof typeof languages>> = {
  ...{ ts: "typescript", js: "typescript", typescript: "typescript", json: "json", jsonl: "json" },
  ...{ sh: "bash", bash: "bash", py: "python", python: "python", toml: "ini", cff: "yaml" },
  ...{ yml: "yaml", yaml: "yaml", css: "css", html: "xml", svg: "xml" },
};

/** A longer text has no colors: a data file is no reading matter. */
const mostHighlighted = 200_000;

/** The text as HTML; one in a language that is not known is only escaped. */
export function highlighted(text: string, language = ""): string {
  const known = Object.hasOwn(names, language) ? names[language] : undefined;
  if (known === undefined || text.length > mostHighlighted) return escapeHtml(text);
  return core.highlight(text, { language: known }).value;
}
