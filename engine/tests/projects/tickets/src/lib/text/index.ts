import { reverse } from "./reverse.js";
export namespace Cases {
  export const upper = (text: string) => text.toUpperCase();
}
export const titleCase = (text: string): string => Cases.upper(reverse(reverse(text)).slice(0, 1)) + text.slice(1);
