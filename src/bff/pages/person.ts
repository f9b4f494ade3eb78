import type { UserInfo } from '../../../generated/bff.d.ts';
import { expecting } from '../../client/expected-user.ts';
import { api, bodyOf, OtherPersonError } from './service.ts';

/** Pages of one browser share its session: each tells the others that somebody signed in or out. */
const channel = new BroadcastChannel('vitalgate-person');

let shown: UserInfo | undefined;

/** Whose data this page shows; undefined where nobody is signed in. */
export const personShown = (): UserInfo | undefined => shown;

/** Says whose data this page shows from now on. */
export const showPerson = (person: UserInfo | undefined): void => {
  shown = person;
};

/** Who is signed in now. Throws as bodyOf does. */
export const personNow = (): Promise<UserInfo> => bodyOf<UserInfo>(api.GET('/profile'));

/** Throws OtherPersonError when somebody else than the person whose data is shown has signed in on another page. */
export const demandSamePerson = async (): Promise<void> => {
  // This page may follow the other one while it asks: what counts is who was shown before.
  const before = shown;
  if ((await personNow()).sub !== before?.sub) throw new OtherPersonError();
};

/** Tells the other pages of this browser that somebody signed in or out. */
export const tellOtherPages = (): void => channel.postMessage('');

/** Calls `changed` whenever another page tells so. */
export const onOtherPages = (changed: () => void): void => channel.addEventListener('message', changed);

// What a person changes is theirs, however long the page has been open.
api.use({
  onRequest: async ({ request }) => {
    const before = shown;
    if (request.method !== 'GET' && before !== undefined) {
      await demandSamePerson();
      // Somebody may sign in on another page between the answer to that and this.
      for (const [name, value] of Object.entries(expecting(before.sub))) request.headers.set(name, value);
    }
    return undefined;
  },
});
