export interface Defaults {
  currency: string;
}
export const defaults: Defaults = { currency: "EUR" };
