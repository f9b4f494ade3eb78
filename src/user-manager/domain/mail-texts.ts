/** Subject and plain text of a mail; a line of ASCII below 998 characters travels as it is. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
}

/** Where people ask for a link and set a new password, below the address that browsers reach the BFF at. */
export const resetPageOf = (base: string): string => {
  const { origin, pathname } = new URL(base);
  return `${origin}${pathname.replace(/\/+$/, '')}/reset-password`;
};

/** Browsers keep a fragment to themselves: the token reaches no server and no log before the page sends it. */
export const resetMail = (page: string, token: string, minutes: number): MailText => ({
  subject: 'Set a new password',
  text: `Somebody asked for a new password for your account.

If it was you, open this link within ${minutes} minutes and choose one:

${page}#token=${token}

The link works once. If you asked more than once, only the newest link works.

If it was not you, do nothing: your password stays as it is, and nobody
else can read this link. Never pass it on.
`,
});

/** Told after the fact; `page` is where to act, when it is known. */
export const changedMail = (page: string | undefined): MailText => ({
  subject: 'Your password was changed',
  text: `The password of your account was changed just now, and you were signed out
everywhere. Sign in again in the app with the new password.

If it was not you, somebody may read your mail: change the password of your
mailbox first, then ask for a new password${page === undefined ? ' in the app' : ` at\n\n${page}\n`}
and tell those who gave you this account.
`,
});
