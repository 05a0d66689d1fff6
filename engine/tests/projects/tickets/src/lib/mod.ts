export * from "./text/index.ts";
export { Defaults, defaults } from "./defaults";
export enum Shape { Square = 1, Round = Square << 1 }
