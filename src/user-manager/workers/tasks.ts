import { z } from 'zod';
import type { Tasks } from '../../jobs/runner.ts';

/** What the mails about passwords are sent by. */
export interface MailPorts {
  readonly sendResetLink: (userId: string) => Promise<void>;
  readonly sendChangedNotice: (userId: string) => Promise<void>;
}

const aboutUser = z.object({ userId: z.string() });

/** The background jobs by name; their payloads carry identifiers only. */
export const tasks = ({ sendResetLink, sendChangedNotice }: MailPorts): Tasks => ({
  'password-reset-mail': (payload) => sendResetLink(aboutUser.parse(payload).userId),
  'password-changed-mail': (payload) => sendChangedNotice(aboutUser.parse(payload).userId),
});
