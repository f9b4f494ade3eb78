import { deletedIn, itemsIn, type HealthKitFormat } from '../healthkit/shapes/formats.ts';
import type { ShapedItem } from '../healthkit/shapes/shape.ts';
import { UPLOAD_LIMITS } from '../healthkit/limits.ts';
import type { ItemSlice } from './json-gate.ts';
import { problem } from './problem.ts';

/** One item of an upload, at its position, with what the gate found wrong with it. */
export interface UploadedItem extends ShapedItem {
  readonly index: number;
  readonly fault?: ItemSlice['fault'];
}

/** The items of an upload in their order. Throws too-many-items, also for deletions beside them, before any of them is done; and invalid-request with the place where a body does not fit its format. */
export const uploadedItems = (format: HealthKitFormat, body: unknown, slices: readonly ItemSlice[] | undefined): UploadedItem[] => {
  const found = itemsIn(format, body, UPLOAD_LIMITS.maxItems);
  if (found === 'too-many' || deletedIn(format, body).length > UPLOAD_LIMITS.maxItems) throw problem('too-many-items', { limits: UPLOAD_LIMITS });
  if ('misfit' in found) throw problem('invalid-request', { errors: [{ pointer: found.misfit, code: 'not-this-format', message: 'Send a body of the format that the path names.' }] });
  return found.items.map((item, index) => ({ ...item, index, fault: Array.isArray(body) ? slices?.[index]?.fault : undefined }));
};
