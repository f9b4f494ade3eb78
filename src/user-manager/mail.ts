import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport, type Transporter } from 'nodemailer';

/** One mail to one person. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Hands mails over. `send` rejects when a mail was not taken; the error may quote the address, so its message is not for logs. */
export interface Mailer {
  readonly send: (mail: Mail) => Promise<void>;
  /** Signs in at the server and sends nothing; rejects as `send` does. Does nothing where mails are files. */
  readonly probe: () => Promise<void>;
  readonly close: () => void;
}

export interface MailOptions {
  /** `smtp:` (with STARTTLS, unless the server is on this machine or the query says `ignoreTLS=true`) or `smtps:`; nodemailer's options may follow as a query. */
  readonly smtpUrl: string | undefined;
  readonly from: string;
  /** Where mails lie as files when there is no server. */
  readonly folder: string;
}

/** A server that is slow must not hold a job for ever. */
const timeouts = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 } as const;

/** The address is one object, so that commas, quotes and line ends in it make no second recipient and no header. */
const messageOf = (from: string, { to, subject, text }: Mail) =>
  ({ from, to: { name: '', address: to }, subject, text: text.replaceAll('\n', '\r\n'), headers: { 'Auto-Submitted': 'auto-generated' }, disableFileAccess: true, disableUrlAccess: true }) as const;

/** Texts are short lines of ASCII: sent as they are, so that a link is whole where somebody reads the file or the source of a mail. */
const asItIs = <Info>(transport: Transporter<Info>): Transporter<Info> =>
  transport.use('stream', (mail, done) => {
    mail.message.getTransferEncoding = () => '7bit';
    done();
  });

/** Mails hold links that open accounts: off this machine they travel encrypted, unless the URL itself says otherwise. */
const mustEncrypt = (url: string): boolean => {
  const { protocol, hostname, searchParams } = new URL(url);
  return protocol === 'smtp:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname) && !searchParams.has('ignoreTLS') && !searchParams.has('requireTLS');
};

const smtpMailer = (url: string, from: string): Mailer => {
  const transport = asItIs(createTransport({ ...timeouts, url, pool: false, ...(mustEncrypt(url) && { requireTLS: true }) }));
  return {
    send: async (mail) => {
      await transport.sendMail(messageOf(from, mail));
    },
    probe: async () => {
      await transport.verify();
    },
    close: () => transport.close(),
  };
};

/** A mail is there whole or not at all, for the owner of the process alone. */
const fileMailer = (folder: string, from: string): Mailer => {
  const transport = asItIs(createTransport({ streamTransport: true, buffer: true }));
  return {
    send: async (mail) => {
      const { message } = await transport.sendMail(messageOf(from, mail));
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const name = `${new Date().toISOString().replaceAll(':', '-')}-${randomBytes(8).toString('hex')}`;
      const written = join(folder, `.${name}.tmp`);
      try {
        await writeFile(written, message, { mode: 0o600, flush: true });
        await rename(written, join(folder, `${name}.eml`));
      } catch (error) {
        // A part of a mail holds an address, and maybe a link.
        await rm(written, { force: true });
        throw error;
      }
    },
    probe: () => Promise.resolve(),
    close: () => transport.close(),
  };
};

/** Mails over SMTP, or as `.eml` files into a folder where no server is named. */
export const openMailer = ({ smtpUrl, from, folder }: MailOptions): Mailer => (smtpUrl === undefined ? fileMailer(folder, from) : smtpMailer(smtpUrl, from));
