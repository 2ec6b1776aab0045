/** Bars and a table of the bytes of a training step. @module */

import { roles } from "../../src/device/mod.ts";
import { formatBytes } from "../../src/figures/format.ts";
import { roleColors } from "../../src/figures/figure.ts";
import { element } from "../dom.ts";
import type { MemoryAnswer, MemoryQuestion } from "../memory.ts";

type Role = (typeof roles)[number];

const sum = (bytes: MemoryAnswer["full"]) => roles.reduce((total, role) => total + bytes[role], 0);

type Dtype = MemoryQuestion["dtype"];

/** Draws the answer to a question about a model. */
export function showMemory(
  model: string,
  { dtype, length }: Pick<MemoryQuestion, "dtype" | "length">,
  answer: MemoryAnswer,
): void {
  const { lora, full } = answer, most = Math.max(sum(full), sum(lora));
  const rows = [["full", full], ["LoRA", lora]] as const, bars = element("bars");
  const named = rows.map(([who, bytes]) =>
    [`${who} ${formatBytes(sum(bytes))}: ${fitOf(sum(bytes))}`, bytes] as const
  );
  bars.innerHTML = named.map(([name, bytes]) => barOf(name, bytes, most)).join("");
  bars.setAttribute("aria-label", `Bytes by role: ${named.map(([name]) => name).join(", ")}`);
  element("bytes").innerHTML = tableOf(answer, nameOf(dtype));
  const fewer = answer.length < length
    ? ` Counted with ${answer.length} tokens each, the most that this model takes.`
    : "";
  element("memory-said").textContent = `${model}: ${summary(answer, nameOf(dtype))}${fewer}`;
}

/** Says why nothing is shown. */
export function showNoMemory(why: string): void {
  for (const id of ["bars", "bytes"]) element(id).innerHTML = "";
  element("bars").setAttribute("aria-label", "Bytes by role: none");
  element("memory-said").textContent = `Not counted: ${why}.`;
}

const nameOf = (dtype: Dtype) => dtype.toUpperCase();

function summary({ lora, full, trained }: MemoryAnswer, dtype: string): string {
  const [some, all] = [sum(lora), sum(full)], share = percent(trained.lora / trained.full);
  return `LoRA trains ${count(trained.lora)} values, ${share} of ${
    count(trained.full)
  }. At the peak of a ` +
    `step with AdamW it needs ${
      formatBytes(some)
    } over a base in ${dtype}; full fine-tuning in F32 needs ${formatBytes(all)}, ` +
    `${(all / some).toPrecision(3)} times as much.`;
}

function barOf(name: string, bytes: MemoryAnswer["full"], most: number): string {
  const parts = roles.filter((role) => bytes[role] > 0).map((role) =>
    `<i style="width:${(100 * bytes[role] / most).toFixed(3)}%;background:${roleColors[role]}"></i>`
  );
  return `<div class="row"><span>${name}</span><div class="track">${parts.join("")}</div></div>`;
}

function tableOf({ full, lora }: MemoryAnswer, dtype: string): string {
  const row = (name: string, mark: string, a: number, b: number) =>
    `<tr><th scope="row">${mark}${name}</th>${cell(a)}${cell(b)}</tr>`;
  const mark = (role: Role) => `<i style="background:${roleColors[role]}"></i>`;
  const body = roles.filter((role) => full[role] + lora[role] > 0)
    .map((role) => row(role, mark(role), full[role], lora[role]));
  const heads = ["memory", "full, F32", `LoRA, base in ${dtype}`];
  return `<thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead>` +
    `<tbody>${body.join("")}${row("all", "", sum(full), sum(lora))}</tbody>`;
}

/** Rounded, with all bytes for who points at it. */
const cell = (bytes: number) => `<td title="${count(bytes)} bytes">${formatBytes(bytes)}</td>`;

/** Memory of usual GPUs, in GB. */
const gpus = [8, 16, 24, 48, 80];

/** The smallest of them that has room, and the largest that has none. */
function fitOf(bytes: number): string {
  const at = gpus.findIndex((size) => bytes <= 1e9 * size), size = `in ${gpus.at(at)} GB`;
  if (at < 0) return `does not fit ${size}`;
  return at === 0 ? `fits ${size}` : `fits ${size}, not in ${gpus[at - 1]}`;
}

const count = (value: number) => value.toLocaleString("en-US");

const percent = (share: number) => `${(100 * share).toPrecision(2)}%`;
