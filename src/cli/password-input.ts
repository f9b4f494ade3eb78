import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** Reads a password: typed without echo at a terminal, else all of standard input without its last line break. */
export const readPassword = async (say: (text: string) => void): Promise<string> => {
  if (!process.stdin.isTTY) return (await text(process.stdin)).replace(/\r?\n$/, '');
  say('Password:');
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
  }
};

/** A password from standard input, or a made one, which is then to be shown once. */
export const givenOrMadePassword = async (fromStandardInput: boolean, say: (text: string) => void): Promise<{ readonly password: string; readonly isMade: boolean }> =>
  fromStandardInput ? { password: await readPassword(say), isMade: false } : { password: randomBytes(18).toString('base64url'), isMade: true };
