import { Ajv, type ValidateFunction } from 'ajv';
import type { Detection, Monitoring, NewDetection } from '../../generated/therapy-monitoring.d.ts';
import specification from '../../generated/therapy-monitoring.json' with { type: 'json' };
import { createJudge, type Arrived, type Asked } from './contract.ts';

/** What is measured under plans. */
export interface PrototypeSchema {
  readonly identifier: string;
  readonly schema: object;
}

export interface TherapyAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** How it goes about things that its contract leaves open. */
export interface TherapyWays {
  /** Whether it knows a detection by its idempotency key. */
  readonly honoursKeys: boolean;
  /** Whether those before a refused one of many are written. */
  readonly writesBeforeRefusal: boolean;
}

/** A Therapy and Monitoring Manager in memory, as far as Vitalgate speaks with one: for the demo and for tests. */
export interface TherapyMonitoringPlay {
  readonly readPrototypes: (prototypes: readonly PrototypeSchema[]) => void;
  readonly addPlan: (plan: Monitoring) => void;
  readonly answer: (arrived: Arrived) => TherapyAnswer;
  /** What was written, with its key. */
  readonly written: readonly (Detection & { readonly key: string })[];
  /** How requests broke the contract. */
  readonly breaches: readonly string[];
}

class Refused extends Error {
  readonly answer: TherapyAnswer;

  constructor(status: number, error: string, message: string) {
    super(message);
    this.answer = { status, body: { statusCode: status, error, message } };
  }
}

const objectId = (count: number): string => count.toString(16).padStart(24, '0');

type Condition = Readonly<Record<string, unknown>>;

const holds = (value: unknown, operator: string, wanted: unknown): boolean => {
  const [a, b] = [Date.parse(String(value)), Date.parse(String(wanted))];
  if (operator === '$in') return (wanted as unknown[]).some((one) => Date.parse(String(one)) === a);
  if (operator === '$eq') return a === b;
  return { $gt: a > b, $gte: a >= b, $lt: a < b, $lte: a <= b }[operator] ?? false;
};

const fits = (one: object, condition: Condition): boolean =>
  Object.entries(condition).every(([name, wanted]) => {
    if (name === '$and') return (wanted as Condition[]).every((part) => fits(one, part));
    const value = (one as Condition)[name];
    return typeof wanted === 'object' && wanted !== null ? Object.entries(wanted).every(([operator, limit]) => holds(value, operator, limit)) : value === wanted;
  });

const page = <Row extends object>(rows: readonly Row[], { _l = 25, _sk = 0, _q, _s = '', ...fields }: Asked['query']): Row[] => {
  const condition = (_q === undefined ? {} : JSON.parse(String(_q))) as Condition;
  const found = rows.filter((row) => fits(row, fields) && fits(row, condition));
  const sorted = String(_s).startsWith('-observedAt') ? found.toSorted((a, b) => Date.parse(String((b as Condition)['observedAt'])) - Date.parse(String((a as Condition)['observedAt']))) : found;
  return sorted.slice(Number(_sk), Number(_sk) + Number(_l));
};

/** Plans and prototypes, and what they say about a detection. */
const createPlans = () => {
  const schemas = new Map<string, ValidateFunction>();
  const plans: Monitoring[] = [];
  return {
    plans,
    readPrototypes: (prototypes: readonly PrototypeSchema[]): void => {
      const ajv = new Ajv({ strict: false });
      for (const { identifier, schema } of prototypes) {
        if (schemas.has(identifier)) throw new Error('PROTOTYPES_DUPLICATED');
        schemas.set(identifier, ajv.compile(schema));
      }
    },
    check: ({ planId, patientId, observedAt, value }: NewDetection): void => {
      const plan = plans.find(({ _id }) => _id === planId);
      if (plan?.patientId !== patientId || Date.parse(observedAt) > Date.now()) throw new Refused(400, 'Invalid CRUD Resource', 'Detection is not valid');
      const validate = schemas.get(plan.prototypeId);
      if (!validate) throw new Refused(404, 'Prototype Not Found', plan.prototypeId);
      if (!validate(value)) throw new Refused(400, 'Detection Not Valid', 'Detection value does not match prototype schema');
    },
  };
};

type Plans = ReturnType<typeof createPlans>;
type WrittenOne = Detection & { readonly key: string };

const createWriter = ({ honoursKeys, writesBeforeRefusal }: TherapyWays, { check }: Plans, written: WrittenOne[]) => {
  const byKey = new Map<string, string>();
  const write = (detection: NewDetection, key: string): { _id: string } => {
    const known = honoursKeys ? byKey.get(key) : undefined;
    if (known !== undefined) return { _id: known };
    const _id = objectId(written.length + 1);
    written.push({ ...detection, _id, key });
    byKey.set(key, _id);
    return { _id };
  };
  return (detections: readonly NewDetection[], keys: readonly string[]): { _id: string }[] => {
    if (!writesBeforeRefusal) detections.forEach(check);
    return detections.map((detection, index) => {
      check(detection);
      return write(detection, keys[index] ?? '');
    });
  };
};

const withoutKey = (one: WrittenOne): Detection => Object.fromEntries(Object.entries(one).filter(([name]) => name !== 'key')) as unknown as Detection;

/** Makes one. Reading prototypes throws when one is doubled, as its model does. */
export const createTherapyMonitoring = (ways: TherapyWays): TherapyMonitoringPlay => {
  const judge = createJudge(specification);
  const plans = createPlans();
  const written: WrittenOne[] = [];
  const breaches: string[] = [];
  const create = createWriter(ways, plans, written);
  const acts: Readonly<Record<string, (asked: Asked) => unknown>> = {
    findMonitorings: ({ query }) => page(plans.plans, query),
    findDetections: ({ query }) => page(written, query).map(withoutKey),
    createDetection: ({ body, keys }) => create([body as NewDetection], keys)[0],
    createDetections: ({ body, keys }) => create(body as NewDetection[], keys),
  };
  return {
    written, breaches, readPrototypes: plans.readPrototypes,
    addPlan: (plan) => void plans.plans.push(plan),
    answer: (arrived) => {
      const asked = judge(arrived);
      if (typeof asked === 'string') {
        breaches.push(`${arrived.method} ${arrived.url.pathname}: ${asked}`);
        return { status: 400, body: { statusCode: 400, error: 'Bad Request', message: asked } };
      }
      try {
        return { status: 200, body: acts[asked.operationId]?.(asked) };
      } catch (error) {
        if (error instanceof Refused) return error.answer;
        throw error;
      }
    },
  };
};
