import type { ServerResponse } from 'node:http';

/** What the bodies of all requests under way at a service may take in memory together, decoded, in bytes. */
export const BODIES_BYTES = 128 * 1024 * 1024;

/** Counts bytes of one body; false when there is no room for them. */
export type Hold = (bytes: number) => boolean;

/** Room for bodies; what a request takes of it is given back when its answer ends, or its client leaves. */
export const createBodyBudget = (mostBytes: number): ((response: ServerResponse) => Hold) => {
  let heldBytes = 0;
  return (response) => {
    let ownBytes = 0;
    response.once('close', () => {
      heldBytes -= ownBytes;
    });
    return (bytes) => {
      if (response.closed || heldBytes + bytes > mostBytes) return false;
      heldBytes += bytes;
      ownBytes += bytes;
      return true;
    };
  };
};
