/**
 * The command-line parser. It is imported by its full name so that `cli.ts` also runs over HTTP, where
 * no import map is read.
 *
 * @module
 */

export { Command, CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";
