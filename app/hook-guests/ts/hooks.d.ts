declare module 'exo:hooks/request@0.1.0' {
  export function method(): string;
  export function target(): string;
  export function header(name: string): string | null | undefined;
  export function headers(): [string, string][];
  export function setHeader(name: string, value: string): void;
}

declare module 'exo:hooks/response@0.1.0' {
  export function status(): number | null | undefined;
  export function setHeader(name: string, value: string): void;
}

declare module 'exo:hooks/log@0.1.0' {
  export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';
  export function write(level: Level, message: string, fields: [string, string][]): void;
}
