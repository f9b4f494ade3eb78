/**
 * Loaded into the program before it (`--import`): has the n-th call of files or of cryptography fail, or sets its clock wrong, as it is
 * told over the socket that `FAULTS_SOCKET` names. What the program imported by name fails as well.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';

type Kind = 'files' | 'cryptography';
/** Any function of Node's. */
type Call = (this: unknown, ...words: unknown[]) => unknown;

const plan = { kind: '' as Kind | '', at: 0, isAfter: false, seen: 0, clockMs: 0 };

const fault = (): Error => Object.assign(new Error('planted'), { code: 'EIO' });

const failing = (kind: Kind, real: Call): Call =>
  function call(...words) {
    const isDue = plan.kind === kind && (plan.seen += 1) === plan.at;
    if (isDue && !plan.isAfter) throw fault();
    const result = real.apply(this, words);
    if (!isDue) return result;
    if (!(result instanceof Promise)) throw fault();
    return result.then(() => {
      throw fault();
    });
  };

/** A rejection where the function promises; what is thrown at once would be no failure of a file. */
const promised = (real: Call): Call =>
  async function call(...words) {
    return await real.apply(this, words);
  };

const require = createRequire(import.meta.url);
const patch = (module: string, kind: Kind, names: readonly string[], wrap: (real: Call) => Call): void => {
  const functions = require(module) as Record<string, Call>;
  for (const name of names) {
    const real = functions[name];
    if (real === undefined) throw new Error(`${module} has no ${name}`);
    functions[name] = wrap(failing(kind, real));
  }
};

const handleCalls = ['appendFile', 'read', 'sync', 'close'] as const;
const withFailingHandle = (open: Call): Call =>
  async function call(...words) {
    const handle = (await open.apply(this, words)) as Record<string, Call>;
    for (const name of handleCalls) handle[name] = promised(failing('files', (handle[name] as Call).bind(handle)));
    return handle;
  };

patch('node:crypto', 'cryptography', ['createCipheriv', 'createDecipheriv', 'createHash', 'createHmac', 'randomBytes', 'randomUUID', 'timingSafeEqual'], (real) => real);
patch('node:fs/promises', 'files', ['mkdir', 'writeFile', 'rename', 'readFile', 'readdir', 'rm', 'stat'], promised);
patch('node:fs/promises', 'files', ['open'], (real) => withFailingHandle(promised(real)));
syncBuiltinESMExports();

const rightDate = Date;
const wrongNow = (): number => rightDate.now() + plan.clockMs;
globalThis.Date = new Proxy(rightDate, {
  construct: (target, words, made) => Reflect.construct(target, words.length === 0 ? [wrongNow()] : words, made) as object,
  get: (target, name, receiver) => (name === 'now' ? wrongNow : (Reflect.get(target, name, receiver) as unknown)),
});

const path = process.env['FAULTS_SOCKET'];
if (path !== undefined) {
  // One line asks, one answers; a plan sets what fails, an empty one asks how many calls there were.
  createServer((socket) => {
    socket.on('data', (line) => {
      const seen = plan.seen;
      Object.assign(plan, JSON.parse(line.toString()));
      socket.end(String(seen));
    });
  }).listen(path).unref();
}
