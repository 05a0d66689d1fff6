// Numbers and counts as people read them.

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

export function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ms`;
}

export function clock(epochMillis: number): string {
  return epochMillis ? new Date(epochMillis).toLocaleTimeString() : "";
}
