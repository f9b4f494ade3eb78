import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import PostalMime from 'postal-mime';
import { openMailer } from '../../src/user-manager/mail.ts';
import { startMailServer } from '../setup/mail-server.ts';

const from = 'Clinic <no-reply@example.org>';
const mail = { to: 'anna@example.org', subject: 'Hello', text: 'First line\n.\n.. dots\nlast line\n' };

describe('a mail in a file', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'vitalgate-mailer-')), 'mail');
  const mailer = openMailer({ smtpUrl: undefined, from, folder });
  afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  test.each([
    ['plain', 'anna@example.org'],
    ['with commas', 'anna, evil@example.org, more@example.org'],
    ['with quotes', '"anna" <evil@example.org>, "more" <more@example.org>'],
    ['with line ends', 'anna@example.org\r\nBcc: evil@example.org\r\n\r\nbody'],
    ['with bare line ends', 'anna@example.org\nBcc: evil@example.org\rCc: more@example.org'],
    ['with a group', 'friends: anna@example.org, evil@example.org;'],
  ])('has one recipient and one text, when the address is one %s', async (_situation, to) => {
    const before = new Set(readdirSync(join(folder, '..')).length === 0 ? [] : readdirSync(folder));
    await mailer.send({ ...mail, to });
    const [name = ''] = readdirSync(folder).filter((one) => !before.has(one));
    const raw = readFileSync(join(folder, name), 'utf8');
    const email = await PostalMime.parse(raw);
    expect(email.headers.map(({ key }) => key).toSorted()).toEqual(['auto-submitted', 'content-transfer-encoding', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'subject', 'to']);
    expect([email.to?.length, email.text?.trim()]).toEqual([1, mail.text.trim()]);
  });
});

describe('a mail over SMTP', () => {
  test('arrives as it was written, dots and all', async () => {
    const server = await startMailServer();
    const mailer = openMailer({ smtpUrl: server.url, from, folder: '/nowhere' });
    await mailer.send(mail);
    mailer.close();
    const [arrived] = server.delivered;
    expect([arrived?.recipients, arrived?.email.text?.trim(), arrived?.raw.includes('\r\nTo: anna@example.org\r\n')]).toEqual([['anna@example.org'], mail.text.trim(), true]);
    await server.stop();
  });

  test('is encrypted when the URL says so, and then only to a server with a certificate to trust', async () => {
    const server = await startMailServer({ secure: true });
    await expect(openMailer({ smtpUrl: server.url, from, folder: '/nowhere' }).send(mail)).rejects.toThrow(/certificate|self.signed/i);
    expect(server.delivered).toEqual([]);
    await openMailer({ smtpUrl: `${server.url}/?tls.rejectUnauthorized=false`, from, folder: '/nowhere' }).send(mail);
    expect(server.delivered).toHaveLength(1);
    await server.stop();
  });

  test('is not sent when the URL wants encryption that the server does not offer', async () => {
    const server = await startMailServer();
    await expect(openMailer({ smtpUrl: `${server.url}/?requireTLS=true`, from, folder: '/nowhere' }).send(mail)).rejects.toThrow();
    expect(server.delivered).toEqual([]);
    await server.stop();
  });

  test('names user and password of the URL', async () => {
    const seen: unknown[] = [];
    const server = await startMailServer({
      disabledCommands: ['STARTTLS'], allowInsecureAuth: true, authOptional: false,
      onAuth: ({ username, password }, _session, done) => {
        seen.push({ username, password });
        done(null, { user: 'mailer' });
      },
    });
    const url = new URL(server.url);
    await openMailer({ smtpUrl: `smtp://mailer:s%40cret@${url.host}`, from, folder: '/nowhere' }).send(mail);
    expect(seen).toEqual([{ username: 'mailer', password: 's@cret' }]);
    await server.stop();
  });
});

describe('a mail server that takes the connection and never speaks', () => {
  const silent = createServer();
  beforeAll(() => new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve)));
  afterAll(() => void silent.close());

  test('is given up after ten seconds', async () => {
    const started = Date.now();
    await expect(openMailer({ smtpUrl: `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`, from, folder: '/nowhere' }).send(mail)).rejects.toThrow();
    expect(Date.now() - started).toBeLessThan(15_000);
  });
});
