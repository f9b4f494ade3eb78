import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import type { CrashingDatabase } from './crashing-database.ts';
import type { Instance } from './installation.ts';

/** What it did. */
export interface Deeds {
  readonly kills: Record<string, number>;
  readonly freezes: number;
  readonly ends: number;
  readonly crashes: number;
  /** Starts that failed because the database crashed meanwhile, and were made again, as a supervisor does. */
  readonly startsAgain: number;
}

/** What it strikes, and how often. */
export interface Prey {
  readonly services: readonly Instance[];
  readonly database: CrashingDatabase;
  readonly killsEach: number;
  readonly crashes: number;
  readonly seed: number;
  /** Acknowledgements so far: nothing is struck before somebody got through. */
  readonly acknowledged: () => number;
}

type Mutable = { -readonly [Key in keyof Deeds]: Deeds[Key] };

const GETS_THROUGH_WITHIN_MS = 60_000;

const untilSomebodyGotThrough = async (acknowledged: () => number, times = 1): Promise<void> => {
  const wanted = acknowledged() + times;
  let [before, since] = [acknowledged(), Date.now()];
  while (acknowledged() < wanted) {
    if (acknowledged() > before) [before, since] = [acknowledged(), Date.now()];
    if (Date.now() - since > GETS_THROUGH_WITHIN_MS) throw new Error('nobody got through within 60 s, though every service had been started again');
    await sleep(10);
  }
};

/** A service that is ended by a signal of ours, and started again until it is ready. */
const createHunter = ({ acknowledged }: Prey, deeds: Mutable, crashesBegun: () => number, crashesUnderWay: () => number) => {
  const start = async (service: Instance): Promise<void> => {
    for (;;) {
      const [begun, underWay] = [crashesBegun(), crashesUnderWay()];
      try {
        await service.start();
        return;
      } catch (error) {
        if (underWay === 0 && crashesBegun() === begun) throw error;
        deeds.startsAgain += 1;
      }
    }
  };
  const end = async (service: Instance, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    service.signal(signal);
    await service.ended();
  };
  const freeze = async (service: Instance, draw: Random): Promise<void> => {
    service.signal('SIGSTOP');
    await sleep(draw.whole(300, 1_500));
    service.signal('SIGCONT');
    deeds.freezes += 1;
  };
  return async (service: Instance, draw: Random): Promise<void> => {
    await untilSomebodyGotThrough(acknowledged, draw.whole(1, 20));
    await sleep(draw.whole(0, 300));
    const way = draw.next();
    if (way < 0.1) await freeze(service, draw);
    else if (way < 0.2) {
      await end(service, 'SIGTERM');
      deeds.ends += 1;
      await start(service);
      await untilSomebodyGotThrough(acknowledged);
    }
    await end(service, 'SIGKILL');
    deeds.kills[service.name] = (deeds.kills[service.name] ?? 0) + 1;
    await start(service);
  };
};

/**
 * Strikes the services, each by itself, and the database now and then meanwhile, until each was killed so often. Rejects when a service
 * does not start again though the database is there, or nobody gets through any more.
 */
export const haunt = async (prey: Prey): Promise<Deeds> => {
  const { services, database, killsEach, crashes, seed } = prey;
  const deeds: Mutable = { kills: {}, freezes: 0, ends: 0, crashes: 0, startsAgain: 0 };
  let underWay = 0;
  const hunt = createHunter(prey, deeds, () => deeds.crashes, () => underWay);
  let isOver = false;
  const killed = () => Object.values(deeds.kills).reduce((sum, count) => sum + count, 0);
  const killAgain = async (service: Instance, draw: Random): Promise<void> => {
    for (let cycle = 0; cycle < killsEach && !isOver; cycle += 1) await hunt(service, draw);
  };
  const crashAgain = async (draw: Random): Promise<void> => {
    for (let crash = 1; crash <= crashes; crash += 1) {
      while (!isOver && killed() < (crash * killsEach * services.length) / (crashes + 1)) await sleep(20);
      if (isOver) return;
      // What was acknowledged an instant ago is what a database may not have written.
      await untilSomebodyGotThrough(prey.acknowledged, draw.whole(1, 5));
      await sleep(draw.whole(0, 40));
      deeds.crashes += 1;
      underWay += 1;
      await database.crash(draw.oneOf(['immediate', 'kill']));
      underWay -= 1;
    }
  };
  const hunts = services.map((service, index) => killAgain(service, createRandom(seed + index)));
  try {
    await Promise.all([...hunts, crashAgain(createRandom(seed + services.length))]);
  } finally {
    isOver = true;
    await Promise.allSettled(hunts);
  }
  return deeds;
};
