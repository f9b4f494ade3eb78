import { createHash, randomBytes } from 'node:crypto';

const SHAPE = /^[A-Za-z0-9_-]{43}$/;

/** A new session identifier: 256 random bits as base64url. */
export const newSessionToken = (): string => randomBytes(32).toString('base64url');

/** What is stored of a token, so that a copy of the database signs nobody in. */
export const hashOfToken = (token: string): Buffer => createHash('sha256').update(token).digest();

/** Tells whether a text could be a token of ours; all else needs no look at the database. */
export const isSessionToken = (text: string): boolean => SHAPE.test(text);
