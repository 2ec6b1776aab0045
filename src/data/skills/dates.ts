/** Dates as a file has them, and how they are written elsewhere. @module */

import type { Random } from "../../core/random.ts";
import { months } from "../months.ts";

/** The parts of a date; numbers have no leading zeros. */
interface DateParts {
  readonly year: string;
  readonly month: number;
  readonly day: number;
}

const twoDigits = (number: number): string => String(number).padStart(2, "0");

/** A date of the years 1900 to 2099, as `2021-03-07`: days 1 to 28, which all months have. */
export const drawDate = (random: Random): string =>
  [1900 + random.integer(200), 1 + random.integer(12), 1 + random.integer(28)].map(twoDigits)
    .join("-");

function partsOf(date: string): DateParts {
  const [year, month, day] = date.split("-");
  return { year, month: Number(month), day: Number(day) };
}

/** How dates are written: `7 March 2021`, `March 7, 2021`, `07/03/2021`, `7 Mar 21` and `07.03.21`. */
const forms = {
  long: ({ year, month, day }) => `${day} ${months[month - 1]} ${year}`,
  american: ({ year, month, day }) => `${months[month - 1]} ${day}, ${year}`,
  slashes: ({ year, month, day }) => `${twoDigits(day)}/${twoDigits(month)}/${year}`,
  short: ({ year, month, day }) => `${day} ${months[month - 1].slice(0, 3)} ${year.slice(2)}`,
  dots: ({ year, month, day }) => `${twoDigits(day)}.${twoDigits(month)}.${year.slice(2)}`,
} satisfies Readonly<Record<string, (date: DateParts) => string>>;

/** Writes a date in a form. */
export const dateForm = (form: keyof typeof forms) => (date: string): string =>
  forms[form](partsOf(date));
