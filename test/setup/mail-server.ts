import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** One mail that the server took over: to whom it was to go, and what it says. */
export interface Delivered {
  readonly recipients: readonly string[];
  readonly raw: string;
  readonly email: Email;
}

/** A real mail server on a port of its own; nothing goes further. */
export interface MailServer {
  readonly url: string;
  readonly delivered: readonly Delivered[];
  /** Mails to an address, once there are as many as wanted; throws when they do not come in time. */
  readonly mailsTo: (address: string, count?: number) => Promise<Delivered[]>;
  /** While set, every mail is refused for now, after its text was read. */
  refusing: boolean;
  readonly refused: () => number;
  readonly stop: () => Promise<void>;
}

const temporarily = (): Error => Object.assign(new Error('Try again later'), { responseCode: 451 });

/** Starts a mail server; `port` brings back one that was stopped. */
export const startMailServer = async ({ port = 0, ...options }: SMTPServerOptions & { readonly port?: number } = {}): Promise<MailServer> => {
  const delivered: Delivered[] = [];
  let refused = 0;
  const receive = async (stream: AsyncIterable<Buffer>, recipients: string[]): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    if (self.refusing) {
      refused += 1;
      throw temporarily();
    }
    const raw = Buffer.concat(chunks).toString();
    delivered.push({ recipients, raw, email: await PostalMime.parse(raw) });
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, { envelope }, callback) => {
      receive(stream, envelope.rcptTo.map(({ address }) => address)).then(() => callback(), callback);
    },
    ...options,
  });
  server.on('error', () => undefined); // a client that hangs up is the client's matter
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const at = (server.server.address() as AddressInfo).port;
  const self: MailServer = {
    url: `smtp${options.secure === true ? 's' : ''}://127.0.0.1:${at}`,
    delivered,
    refusing: false,
    refused: () => refused,
    mailsTo: async (address, count = 1) => {
      const mails = () => delivered.filter(({ recipients }) => recipients.includes(address));
      const end = Date.now() + 45_000;
      while (mails().length < count) {
        if (Date.now() > end) throw new Error(`${mails().length} of ${count} mails have come`);
        await sleep(20);
      }
      return mails();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
      }),
  };
  return self;
};
