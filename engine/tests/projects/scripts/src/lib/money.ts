import { Currency as Known } from "./currency";

export { Known as Currency };

export function round(amount: number): number {
  return Math.round(amount * 100) / 100;
}

export const thousandths = (amount: number): number => Math.round(amount * 1000);
