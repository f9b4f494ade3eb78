import bff from '../../generated/bff.json' with { type: 'json' };
import deviceManager from '../../generated/device-manager.json' with { type: 'json' };
import userManager from '../../generated/user-manager.json' with { type: 'json' };
import { loadSpec, type Spec } from './spec.ts';

/** A service of Vitalgate as the bar above each page of the documentation names it. */
export interface DocumentedService {
  /** Under `/documentation/` of every service. */
  readonly name: string;
  readonly title: string;
  /** Read when its page is asked for, because few ask. */
  readonly spec: () => Spec;
}

/** The contracts of all services: who reads one mostly needs another, and may reach one service alone. */
export const documentedServices: readonly DocumentedService[] = Object.entries({ bff, 'device-manager': deviceManager, 'user-manager': userManager })
  .map(([name, document]) => ({ name, title: document.info.title, spec: () => loadSpec(document) }));
