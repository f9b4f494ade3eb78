import { MARKER } from './hostile.ts';

const MOST = 10;

/** What a log must not hold: lines that are no JSON, errors of the program, values that were sent, secrets. */
export const logFaults = (log: string, secrets: readonly string[]): string[] => {
  const faults: string[] = [];
  for (const line of log.split('\n').filter((text) => text !== '')) {
    try {
      const { level } = JSON.parse(line) as { level?: number };
      if ((level ?? 0) >= 50) faults.push(`an error: ${line.slice(0, 1500)}`);
    } catch {
      faults.push(`a line that is no JSON: ${line.slice(0, 300)}`);
    }
    for (const secret of [MARKER, ...secrets]) if (line.includes(secret)) faults.push(`holds ${secret}: ${line.slice(0, 300)}`);
  }
  return faults.slice(0, MOST);
};
