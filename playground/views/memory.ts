/** Bars and a table of the bytes of a training step. @module */

import { roles } from "../../src/device/mod.ts";
import { formatBytes } from "../../src/figures/format.ts";
import { roleColors } from "../../src/figures/palette.ts";
import { element } from "../dom.ts";
import type { MemoryAnswer } from "../memory.ts";

type Role = (typeof roles)[number];

const sum = (bytes: MemoryAnswer["full"]) => roles.reduce((total, role) => total + bytes[role], 0);

/** Draws an answer. */
export function showMemory({ lora, full, trained }: MemoryAnswer): void {
  const most = Math.max(sum(full), sum(lora)), ratio = sum(full) / sum(lora);
  const rows = [["full", full], ["LoRA", lora]] as const;
  element("bars").innerHTML = rows.map(([name, bytes]) => barOf(name, bytes, most)).join("");
  element("bars").setAttribute(
    "aria-label",
    rows.map(([name, bytes]) => `${name}: ${formatBytes(sum(bytes))}`).join(", "),
  );
  element("bytes").innerHTML = tableOf(full, lora);
  element("memory-said").textContent =
    `LoRA trains ${count(trained.lora)} values, ${percent(trained.lora / trained.full)} of ` +
    `${count(trained.full)}. At the peak of a step with AdamW it needs ${
      formatBytes(sum(lora))
    }; full ` +
    `fine-tuning in F32 needs ${formatBytes(sum(full))}, ${ratio.toPrecision(3)} times as much.`;
}

function barOf(name: string, bytes: MemoryAnswer["full"], most: number): string {
  const parts = roles.filter((role) => bytes[role] > 0).map((role) =>
    `<i style="width:${(100 * bytes[role] / most).toFixed(3)}%;background:${roleColors[role]}"></i>`
  );
  return `<div class="row"><span>${name}</span><div class="track">${parts.join("")}</div></div>`;
}

function tableOf(full: MemoryAnswer["full"], lora: MemoryAnswer["lora"]): string {
  const row = (name: string, mark: string, a: number, b: number) =>
    `<tr><th scope="row">${mark}${name}</th><td>${count(a)}</td><td>${count(b)}</td></tr>`;
  const mark = (role: Role) => `<i style="background:${roleColors[role]}"></i>`;
  const body = roles.filter((role) => full[role] + lora[role] > 0)
    .map((role) => row(role, mark(role), full[role], lora[role]));
  return `<thead><tr><th scope="col">bytes</th><th scope="col">full, F32</th><th scope="col">LoRA</th></tr></thead>` +
    `<tbody>${body.join("")}${row("all", "", sum(full), sum(lora))}</tbody>`;
}

const count = (value: number) => value.toLocaleString("en-US");

const percent = (share: number) => `${(100 * share).toPrecision(2)}%`;
