import { url as debuggerAddress } from 'node:inspector';
import pino, { type Logger } from 'pino';
import packageFile from '../../package.json' with { type: 'json' };
import { keepCompiledCode } from '../code-cache.ts';
import { ConfigError, type Config } from '../config.ts';
import { configurationDigest } from '../config/digest.ts';
import { isDemoFolder } from '../demo/folder.ts';
import { faultOf } from '../http/fault-log.ts';
import { startFailureOf } from '../start-failure.ts';
import { startVitalgate, type Vitalgate } from '../vitalgate.ts';
import { traceSettingsIn } from '../tracing/trace-settings.ts';
import { useTracing } from '../tracing/tracing.ts';
import { RefusedError } from './command-context.ts';
import type { Demo } from './demo.ts';

const STOP_MS = 30_000;

/** How to serve. */
export interface ServeOptions {
  /** Where the standard variables of OpenTelemetry are. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly demo: boolean;
  readonly say: (text: string) => void;
}

type Say = ServeOptions['say'];

/** Whoever reaches a debugger reads every key and every value: only a demo, whose data is made up, may have one. */
const refuseDebugger = (demo: boolean): void => {
  if (demo || debuggerAddress() === undefined) return;
  throw new RefusedError('Vitalgate does not start: a debugger is open in it (--inspect, perhaps in NODE_OPTIONS). Start it without, or with --demo.');
};

/** What is in a demo's folder is removed by the next demo: nothing that shall stay may be kept there. */
const refuseDemoFolder = ({ DATA_DIR }: Config): void => {
  if (isDemoFolder(DATA_DIR)) throw new RefusedError(`Vitalgate does not start: ${DATA_DIR} is the folder of a demo. Name another one in DATA_DIR, or start it with --demo.`);
};

const tellWhere = (say: Say, config: Config, { urls, notices }: Vitalgate): void => {
  for (const notice of notices) say(notice);
  const names = [['BFF', urls.bff], ['Device Manager', urls.deviceManager], ['User Manager', urls.userManager]] as const;
  for (const [name, url] of names) if (url !== undefined) say(`${name.padEnd(15)} ${url}  (${url}/documentation)`);
  say(config.DATABASE_URL === undefined ? `Data lies in ${config.DATA_DIR}` : `Data lies in the database of DATABASE_URL, secrets in ${config.DATA_DIR}`);
};

/** Traces, where the environment wants them; the packages are loaded only then. Answers what sends the last of them. */
const startTraces = async (environment: ServeOptions['environment'], log: Logger, say: Say): Promise<() => Promise<void>> => {
  const { settings, notices } = traceSettingsIn(environment);
  for (const notice of notices) say(notice);
  if (settings === undefined) return () => Promise.resolve();
  const { startOpenTelemetry } = await import('../tracing/open-telemetry.ts');
  const { tracing, stop } = startOpenTelemetry(settings, packageFile.version, (error) => log.warn({ error }, 'traces were not sent'));
  useTracing(tracing);
  return stop;
};

/** One way to end: stop in order, but not for ever. `signal` aborts when the end begins; `last` are what comes after the program. */
const createEnding = (log: Logger, starting: () => Promise<Vitalgate>, last: readonly (() => Promise<void>)[]) => {
  const ending = new AbortController();
  let worst = 0;
  const end = (exitCode: number): void => {
    worst = Math.max(worst, exitCode);
    if (ending.signal.aborted) return;
    ending.abort();
    setTimeout(() => {
      log.fatal('stopping took too long');
      process.exit(1);
    }, STOP_MS).unref();
    // A start that fails has stopped what it had started, and tells why by itself.
    void starting().then(async (vitalgate) => {
      await vitalgate.stop();
      for (const step of last) await step();
    }).then(() => process.exit(worst), () => process.exit(1));
  };
  return { end, signal: ending.signal };
};

/** What comes after the start; when the program is told to end meanwhile, its failures mean nothing. */
const unlessEnding = async (signal: AbortSignal, work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};

const refused = (error: unknown): RefusedError => new RefusedError(`Vitalgate does not start: ${startFailureOf(error)}`);

/** A demo that did not get up leaves nothing behind. */
const giveUp = async (starting: Promise<Vitalgate>, demo: Demo | undefined): Promise<void> => {
  if (demo === undefined) return;
  await starting.then((vitalgate) => vitalgate.stop(), () => undefined);
  await demo.forget();
};

const prepare = async (wished: boolean, config: Config, say: Say): Promise<Demo | undefined> => {
  refuseDebugger(wished);
  if (!wished) {
    refuseDemoFolder(config);
    return undefined;
  }
  const { prepareDemo } = await import('./demo.ts');
  return prepareDemo(config, say).catch((error: unknown) => {
    throw error instanceof ConfigError ? error : refused(error);
  });
};

/**
 * Runs the services that the settings name until a signal ends the process. Throws ConfigError, and RefusedError with the reason when
 * something does not start.
 */
export const serve = async (settings: Config, { demo: wished, environment, say }: ServeOptions): Promise<void> => {
  const demo = await prepare(wished, settings, say);
  const config = demo?.config ?? settings;
  const log = pino({ level: config.LOG_LEVEL, base: { pid: process.pid } });
  const stopTraces = await startTraces(environment, log, say);
  const { end, signal: ending } = createEnding(log, () => starting, [stopTraces, ...(demo ? [demo.forget] : [])]);
  process.on('uncaughtException', (error) => {
    // What is under way may end; nothing new is begun in a state that nobody knows.
    log.fatal(faultOf(error), 'uncaught error');
    end(1);
  });
  const onFatal = (reason: string): void => {
    log.fatal(reason);
    end(1);
  };
  const starting = startVitalgate(config, { log, onFatal, configurationDigest: configurationDigest(config) });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // A terminal and npm both pass a signal on: the second one must not cut the first one's work short.
    process.on(signal, () => {
      if (!ending.aborted) log.info({ signal }, 'stopping');
      end(0);
    });
  }
  try {
    const vitalgate = await starting;
    await unlessEnding(ending, async () => {
      await demo?.provide(vitalgate);
      tellWhere(say, config, vitalgate);
    });
    keepCompiledCode();
  } catch (error) {
    await giveUp(starting, demo);
    throw refused(error);
  }
};
