import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Has Node keep what it makes of our files and of the packages: a start takes two thirds of the time. It lies among the packages, where
 * whoever could write it could change the program as well; where that cannot be written, nothing is kept. NODE_COMPILE_CACHE names
 * another folder, NODE_DISABLE_COMPILE_CACHE=1 does without.
 */
export const openCodeCache = (): void => void enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'vitalgate'));

/** Writes what is new now, instead of at an end that may be a kill. */
export const keepCompiledCode = (): void => flushCompileCache();
